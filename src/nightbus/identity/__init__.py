"""Credentials, SigV4 and policies: who is asking, and may they?"""
