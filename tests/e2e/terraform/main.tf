terraform {
  required_providers { aws = { source = "hashicorp/aws" } }
}
provider "aws" {
  s3_use_path_style = true
}
variable "timeout" {
  default = 10
}
variable "runtime" {}
data "aws_caller_identity" "me" {}
data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}
resource "aws_iam_role" "invoice" {
  name               = "tf-invoice"
  assume_role_policy = data.aws_iam_policy_document.trust.json
  tags               = { shop = "north" }
}
resource "aws_iam_policy" "receive" {
  name   = "tf-receive"
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], Resource = aws_sqs_queue.orders.arn }] })
}
resource "aws_iam_role_policy" "send" {
  name   = "send"
  role   = aws_iam_role.invoice.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "*" }] })
}
resource "aws_iam_role_policy_attachment" "receive" {
  role       = aws_iam_role.invoice.name
  policy_arn = aws_iam_policy.receive.arn
}
resource "aws_iam_role_policy_attachment" "logs" {
  role       = aws_iam_role.invoice.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
}
resource "aws_sqs_queue" "dead" { name = "tf-dead" }
resource "aws_sqs_queue" "orders" {
  name                       = "tf-orders"
  visibility_timeout_seconds = 60
  tags                       = { shop = "north" }
}
resource "aws_sqs_queue_redrive_policy" "orders" {
  queue_url      = aws_sqs_queue.orders.id
  redrive_policy = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn, maxReceiveCount = 4 })
}
resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url            = aws_sqs_queue.dead.id
  redrive_allow_policy = jsonencode({ redrivePermission = "byQueue", sourceQueueArns = [aws_sqs_queue.orders.arn] })
}
resource "aws_sqs_queue_policy" "orders" {
  queue_url = aws_sqs_queue.orders.id
  policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = ["events.amazonaws.com", "sns.amazonaws.com"] }, Action = "sqs:SendMessage", Resource = aws_sqs_queue.orders.arn }] })
}
resource "aws_sns_topic" "news" { name = "tf-news" }
resource "aws_sns_topic_policy" "news" {
  arn    = aws_sns_topic.news.arn
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = "sns:Publish", Resource = aws_sns_topic.news.arn }] })
}
resource "aws_sns_topic_subscription" "news" {
  topic_arn            = aws_sns_topic.news.arn
  protocol             = "sqs"
  endpoint             = aws_sqs_queue.orders.arn
  raw_message_delivery = true
  filter_policy        = jsonencode({ kind = ["order"] })
}
resource "aws_cloudwatch_log_group" "invoice" {
  name              = "/aws/lambda/tf-invoice"
  retention_in_days = 7
}
resource "aws_cloudwatch_log_stream" "own" {
  name           = "own"
  log_group_name = aws_cloudwatch_log_group.invoice.name
}
resource "aws_lambda_layer_version" "shared" {
  layer_name          = "tf-shared"
  filename            = "${path.module}/layer.zip"
  source_code_hash    = filebase64sha256("${path.module}/layer.zip")
  compatible_runtimes = [var.runtime]
}
resource "aws_lambda_function" "invoice" {
  function_name    = "tf-invoice"
  role             = aws_iam_role.invoice.arn
  runtime          = var.runtime
  handler          = "app.handler"
  filename         = "${path.module}/function.zip"
  source_code_hash = filebase64sha256("${path.module}/function.zip")
  timeout          = var.timeout
  layers           = [aws_lambda_layer_version.shared.arn]
  publish          = true
  environment { variables = { TIMEOUT = var.timeout } }
  depends_on = [aws_cloudwatch_log_group.invoice, aws_iam_role_policy_attachment.receive]
}
resource "aws_lambda_alias" "live" {
  name             = "live"
  function_name    = aws_lambda_function.invoice.function_name
  function_version = aws_lambda_function.invoice.version
}
resource "aws_lambda_permission" "rule" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.invoice.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.placed.arn
}
resource "aws_lambda_function_event_invoke_config" "invoice" {
  function_name                = aws_lambda_function.invoice.function_name
  maximum_retry_attempts       = 1
  maximum_event_age_in_seconds = 600
}
resource "aws_lambda_event_source_mapping" "orders" {
  event_source_arn = aws_sqs_queue.orders.arn
  function_name    = aws_lambda_function.invoice.arn
  batch_size       = 5
}
resource "aws_cloudwatch_event_bus" "shop" { name = "tf-shop" }
resource "aws_cloudwatch_event_bus_policy" "shop" {
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  policy         = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "others", Effect = "Allow", Principal = { AWS = "arn:aws:iam::111111111111:root" }, Action = "events:PutEvents", Resource = aws_cloudwatch_event_bus.shop.arn }] })
}
resource "aws_cloudwatch_event_permission" "default" {
  principal    = "111111111111"
  statement_id = "other"
}
resource "aws_cloudwatch_event_rule" "placed" {
  name           = "tf-placed"
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  event_pattern  = jsonencode({ source = ["shop"] })
  tags           = { shop = "north" }
}
resource "aws_cloudwatch_event_rule" "hourly" {
  name                = "tf-hourly"
  schedule_expression = "rate(1 hour)"
}
resource "aws_cloudwatch_event_target" "function" {
  rule           = aws_cloudwatch_event_rule.placed.name
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  arn            = aws_lambda_function.invoice.arn
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 3
  }
  dead_letter_config { arn = aws_sqs_queue.dead.arn }
}
resource "aws_cloudwatch_event_target" "queue" {
  rule           = aws_cloudwatch_event_rule.placed.name
  event_bus_name = aws_cloudwatch_event_bus.shop.name
  arn            = aws_sqs_queue.orders.arn
  input_transformer {
    input_paths    = { item = "$.detail.item" }
    input_template = "{\"item\": <item>}"
  }
}
resource "aws_cloudwatch_event_target" "topic" {
  rule = aws_cloudwatch_event_rule.hourly.name
  arn  = aws_sns_topic.news.arn
}
resource "aws_cloudwatch_event_archive" "shop" {
  name             = "tf-shop"
  event_source_arn = aws_cloudwatch_event_bus.shop.arn
  retention_days   = 3
}
resource "aws_cloudwatch_event_connection" "partner" {
  name               = "tf-partner"
  authorization_type = "API_KEY"
  auth_parameters {
    api_key {
      key   = "x-key"
      value = "hush"
    }
  }
}
resource "aws_cloudwatch_event_api_destination" "partner" {
  name                             = "tf-partner"
  invocation_endpoint              = "https://partner.example.com/orders"
  http_method                      = "POST"
  invocation_rate_limit_per_second = 20
  connection_arn                   = aws_cloudwatch_event_connection.partner.arn
}
resource "aws_s3_bucket" "files" {
  bucket        = "tf-files"
  force_destroy = true
  tags          = { shop = "north" }
}
resource "aws_s3_bucket_versioning" "files" {
  bucket = aws_s3_bucket.files.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_public_access_block" "files" {
  bucket              = aws_s3_bucket.files.id
  block_public_acls   = true
  block_public_policy = true
}
resource "aws_s3_bucket_ownership_controls" "files" {
  bucket = aws_s3_bucket.files.id
  rule { object_ownership = "BucketOwnerEnforced" }
}
resource "aws_s3_bucket_server_side_encryption_configuration" "files" {
  bucket = aws_s3_bucket.files.id
  rule {
    apply_server_side_encryption_by_default { sse_algorithm = "AES256" }
  }
}
resource "aws_s3_bucket_policy" "files" {
  bucket     = aws_s3_bucket.files.id
  policy     = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { AWS = data.aws_caller_identity.me.account_id }, Action = "s3:GetObject", Resource = "${aws_s3_bucket.files.arn}/*" }] })
  depends_on = [aws_s3_bucket_public_access_block.files]
}
resource "aws_s3_object" "note" {
  bucket     = aws_s3_bucket.files.id
  key        = "note.txt"
  content    = "timeout ${var.timeout}"
  depends_on = [aws_s3_bucket_versioning.files]
}
resource "aws_cloudformation_stack" "nested" {
  name          = "tf-nested"
  template_body = jsonencode({ Resources = { Queue = { Type = "AWS::SQS::Queue", Properties = { VisibilityTimeout = var.timeout } } } })
}
