"""Records who called what, as CloudTrail does. It stands above the services, whose models and tables it reads."""
