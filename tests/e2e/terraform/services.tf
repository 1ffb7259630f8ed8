data "aws_iam_policy_document" "key" {
  statement {
    actions   = ["kms:*"]
    resources = ["*"]
    principals {
      type        = "AWS"
      identifiers = [data.aws_caller_identity.me.account_id]
    }
  }
  statement {
    actions   = ["kms:Encrypt*", "kms:Decrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.us-east-1.amazonaws.com", "sns.amazonaws.com", "s3.amazonaws.com"]
    }
  }
}
resource "aws_kms_key" "shop" {
  description             = "shop"
  enable_key_rotation     = true
  rotation_period_in_days = 180
  deletion_window_in_days = 7
  policy                  = data.aws_iam_policy_document.key.json
  tags                    = { shop = "north", timeout = var.timeout }
}
resource "aws_kms_key" "signing" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
}
resource "aws_kms_key_policy" "signing" {
  key_id = aws_kms_key.signing.id
  policy = data.aws_iam_policy_document.key.json
}
resource "aws_kms_alias" "shop" {
  name          = "alias/tf-shop"
  target_key_id = aws_kms_key.shop.key_id
}
resource "aws_kms_grant" "shop" {
  name              = "tf-shop"
  key_id            = aws_kms_key.shop.key_id
  grantee_principal = aws_iam_role.invoice.arn
  operations        = ["Encrypt", "Decrypt"]
}
resource "aws_kms_ciphertext" "note" {
  key_id    = aws_kms_key.shop.key_id
  plaintext = "hush"
  context   = { shop = "north" }
}
data "aws_kms_alias" "shop" { name = aws_kms_alias.shop.name }
data "aws_kms_key" "shop" { key_id = aws_kms_key.shop.key_id }
data "aws_kms_public_key" "signing" { key_id = aws_kms_key.signing.arn }

resource "aws_ssm_parameter" "plain" {
  name        = "/tf/plain"
  type        = "String"
  value       = "timeout ${var.timeout}"
  description = "plain"
  tags        = { shop = "north" }
}
resource "aws_ssm_parameter" "list" {
  name            = "/tf/list"
  type            = "StringList"
  value           = "a,b"
  allowed_pattern = "^[a-z,]+$"
}
resource "aws_ssm_parameter" "secure" {
  name   = "/tf/secure"
  type   = "SecureString"
  value  = "hush ${var.timeout}"
  key_id = aws_kms_alias.shop.name
  tier   = "Advanced"
}
resource "aws_ssm_parameter" "written_only" {
  name             = "/tf/written-only"
  type             = "SecureString"
  value_wo         = "hush ${var.timeout}"
  value_wo_version = var.timeout
}
data "aws_ssm_parameter" "secure" { name = aws_ssm_parameter.secure.name }
data "aws_ssm_parameters_by_path" "all" {
  path       = "/tf"
  depends_on = [aws_ssm_parameter.plain, aws_ssm_parameter.list]
}

resource "aws_secretsmanager_secret" "database" {
  name                    = "tf/database"
  description             = "timeout ${var.timeout}"
  kms_key_id              = aws_kms_key.shop.arn
  recovery_window_in_days = 0
  tags                    = { shop = "north" }
}
resource "aws_secretsmanager_secret_version" "database" {
  secret_id     = aws_secretsmanager_secret.database.id
  secret_string = jsonencode({ password = data.aws_secretsmanager_random_password.database.random_password, timeout = var.timeout })
  lifecycle { ignore_changes = [secret_string] }
}
resource "aws_secretsmanager_secret_version" "other" {
  secret_id      = aws_secretsmanager_secret.database.id
  secret_binary  = base64encode("hush hush")
  version_stages = ["OTHER"]
  depends_on     = [aws_secretsmanager_secret_version.database]
}
resource "aws_secretsmanager_secret" "replicated" {
  name                           = "tf/replicated"
  recovery_window_in_days        = 0
  force_overwrite_replica_secret = true
  replica { region = "eu-west-1" }
}
resource "aws_secretsmanager_secret_policy" "database" {
  secret_arn = aws_secretsmanager_secret.database.arn
  policy     = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "read", Effect = "Allow", Principal = { AWS = aws_iam_role.invoice.arn }, Action = "secretsmanager:GetSecretValue", Resource = "*" }] })
}
resource "aws_lambda_permission" "rotation" {
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.rotation.function_name
  principal     = "secretsmanager.amazonaws.com"
}
resource "aws_lambda_function" "rotation" {
  function_name    = "tf-rotation"
  role             = aws_iam_role.invoice.arn
  runtime          = var.runtime
  handler          = "app.handler"
  filename         = "${path.module}/function.zip"
  source_code_hash = filebase64sha256("${path.module}/function.zip")
  kms_key_arn      = aws_kms_key.shop.arn
  environment { variables = { SHOP = "north" } }
}
resource "aws_secretsmanager_secret_rotation" "database" {
  secret_id           = aws_secretsmanager_secret.database.id
  rotation_lambda_arn = aws_lambda_function.rotation.arn
  rotate_immediately  = false
  rotation_rules { automatically_after_days = var.timeout }
  depends_on = [aws_lambda_permission.rotation, aws_secretsmanager_secret_version.database]
}
data "aws_secretsmanager_random_password" "database" { password_length = 24 }
data "aws_secretsmanager_secret" "database" { name = aws_secretsmanager_secret.database.name }
data "aws_secretsmanager_secret_version" "database" { secret_id = aws_secretsmanager_secret_version.database.secret_id }

resource "aws_s3_bucket" "intake" {
  bucket              = "tf-intake"
  force_destroy       = true
  object_lock_enabled = true
}
resource "aws_s3_bucket_notification" "intake" {
  bucket      = aws_s3_bucket.intake.id
  eventbridge = true
  queue {
    id            = "orders"
    queue_arn     = aws_sqs_queue.intake.arn
    events        = ["s3:ObjectCreated:*"]
    filter_prefix = "orders/"
    filter_suffix = var.timeout == 10 ? ".json" : ".xml"
  }
  topic {
    topic_arn = aws_sns_topic.alerts.arn
    events    = ["s3:ObjectRemoved:*"]
  }
  lambda_function {
    lambda_function_arn = aws_lambda_function.invoice.arn
    events              = ["s3:ObjectCreated:Put"]
    filter_prefix       = "invoices/"
  }
  depends_on = [aws_sqs_queue_policy.intake, aws_sns_topic_policy.alerts, aws_lambda_permission.intake]
}
resource "aws_sqs_queue" "intake" {
  name                              = "tf-intake"
  kms_master_key_id                 = aws_kms_alias.shop.name
  kms_data_key_reuse_period_seconds = 300
}
resource "aws_sqs_queue_policy" "intake" {
  queue_url = aws_sqs_queue.intake.id
  policy    = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "s3.amazonaws.com" }, Action = "sqs:SendMessage", Resource = aws_sqs_queue.intake.arn }] })
}
resource "aws_lambda_permission" "intake" {
  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.invoice.function_name
  principal      = "s3.amazonaws.com"
  source_arn     = aws_s3_bucket.intake.arn
  source_account = data.aws_caller_identity.me.account_id
}
resource "aws_s3_bucket_lifecycle_configuration" "intake" {
  bucket = aws_s3_bucket.intake.id
  rule {
    id     = "expire"
    status = "Enabled"
    filter { prefix = "orders/" }
    expiration { days = 30 }
    noncurrent_version_expiration { noncurrent_days = 7 }
  }
  rule {
    id     = "tidy"
    status = "Enabled"
    filter {
      and {
        prefix                   = "big/"
        tags                     = { kind = "draft", shop = "north" }
        object_size_greater_than = 1024
      }
    }
    transition {
      days          = 30
      storage_class = "STANDARD_IA"
    }
  }
  rule {
    id     = "uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload { days_after_initiation = 7 }
  }
}
resource "aws_s3_bucket_cors_configuration" "intake" {
  bucket = aws_s3_bucket.intake.id
  cors_rule {
    allowed_headers = ["*"]
    allowed_methods = ["PUT", "POST"]
    allowed_origins = ["https://shop.example.com"]
    expose_headers  = ["ETag"]
    max_age_seconds = 3000 + var.timeout
  }
}
resource "aws_s3_bucket_server_side_encryption_configuration" "intake" {
  bucket = aws_s3_bucket.intake.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.shop.arn
    }
  }
}
resource "aws_s3_bucket_versioning" "intake" {
  bucket = aws_s3_bucket.intake.id
  versioning_configuration { status = "Enabled" }
}
resource "aws_s3_bucket_public_access_block" "intake" {
  bucket                  = aws_s3_bucket.intake.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}
resource "aws_s3_bucket_object_lock_configuration" "intake" {
  bucket = aws_s3_bucket.intake.id
  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = var.timeout
    }
  }
}
resource "aws_s3_bucket_request_payment_configuration" "intake" {
  bucket = aws_s3_bucket.intake.id
  payer  = "BucketOwner"
}

resource "aws_ecr_repository" "images" {
  name                 = "tf/images"
  image_tag_mutability = var.timeout == 10 ? "IMMUTABLE" : "MUTABLE"
  force_delete         = true
  image_scanning_configuration { scan_on_push = true }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.shop.arn
  }
  tags = { shop = "north" }
}
resource "aws_ecr_lifecycle_policy" "images" {
  repository = aws_ecr_repository.images.name
  policy     = jsonencode({ rules = [{ rulePriority = 1, description = "keep few", selection = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 20 }, action = { type = "expire" } }] })
}
resource "aws_ecr_repository_policy" "images" {
  repository = aws_ecr_repository.images.name
  policy     = jsonencode({ Version = "2012-10-17", Statement = [{ Sid = "pull", Effect = "Allow", Principal = { AWS = aws_iam_role.invoice.arn }, Action = ["ecr:BatchGetImage"] }] })
}
data "aws_ecr_repository" "images" { name = aws_ecr_repository.images.name }

resource "aws_iam_user" "operator" {
  name          = "tf-operator"
  path          = "/shop/"
  force_destroy = true
  tags          = { timeout = var.timeout }
}
resource "aws_iam_group" "operators" {
  name = "tf-operators"
  path = "/shop/"
}
resource "aws_iam_user_group_membership" "operator" {
  user   = aws_iam_user.operator.name
  groups = [aws_iam_group.operators.name]
}
resource "aws_iam_group_membership" "operators" {
  name  = "operators"
  group = aws_iam_group.operators.name
  users = [aws_iam_user.operator.name]
}
resource "aws_iam_group_policy" "send" {
  name   = "send"
  group  = aws_iam_group.operators.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sqs:SendMessage", Resource = "*" }] })
}
resource "aws_iam_group_policy_attachment" "receive" {
  group      = aws_iam_group.operators.name
  policy_arn = aws_iam_policy.receive.arn
}
resource "aws_iam_user_policy" "send" {
  name   = "send"
  user   = aws_iam_user.operator.name
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sns:Publish", Resource = "*" }] })
}
resource "aws_iam_user_policy_attachment" "receive" {
  user       = aws_iam_user.operator.name
  policy_arn = aws_iam_policy.receive.arn
}
resource "aws_iam_access_key" "operator" {
  user   = aws_iam_user.operator.name
  status = var.timeout == 10 ? "Active" : "Inactive"
}
resource "aws_iam_instance_profile" "host" {
  name = "tf-host"
  role = aws_iam_role.invoice.name
  tags = { timeout = var.timeout }
}
data "aws_iam_user" "operator" { user_name = aws_iam_user.operator.name }
data "aws_iam_group" "operators" { group_name = aws_iam_group.operators.name }
data "aws_iam_instance_profile" "host" { name = aws_iam_instance_profile.host.name }

resource "aws_sns_topic" "orders" {
  name                        = "tf-orders.fifo"
  fifo_topic                  = true
  content_based_deduplication = var.timeout == 10
  display_name                = "orders"
  kms_master_key_id           = aws_kms_alias.shop.name
}
resource "aws_sns_topic" "alerts" {
  name              = "tf-alerts"
  signature_version = 2
  tracing_config    = "PassThrough"
  delivery_policy   = jsonencode({ http = { defaultHealthyRetryPolicy = { minDelayTarget = 5, maxDelayTarget = 20, numRetries = 3, numMaxDelayRetries = 0, numNoDelayRetries = 0, numMinDelayRetries = 0, backoffFunction = "linear" }, disableSubscriptionOverrides = false } })
}
resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "s3.amazonaws.com" }, Action = "sns:Publish", Resource = aws_sns_topic.alerts.arn }] })
}
resource "aws_sns_topic_data_protection_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = jsonencode({ Name = "no-mail", Version = "2021-06-01", Statement = [{ Sid = "deny", DataDirection = "Inbound", Principal = ["*"], DataIdentifier = ["arn:aws:dataprotection::aws:data-identifier/EmailAddress"], Operation = { Deny = {} } }] })
}
resource "aws_sns_topic_subscription" "mail" {
  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = "operator@example.com"
}
resource "aws_sns_topic_subscription" "text" {
  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "sms"
  endpoint  = "+15555550100"
}
resource "aws_sns_topic_subscription" "function" {
  topic_arn           = aws_sns_topic.alerts.arn
  protocol            = "lambda"
  endpoint            = aws_lambda_function.invoice.arn
  filter_policy       = jsonencode({ timeout = [var.timeout] })
  filter_policy_scope = "MessageBody"
  redrive_policy      = jsonencode({ deadLetterTargetArn = aws_sqs_queue.dead.arn })
}
resource "aws_sns_platform_application" "phones" {
  name                         = "tf-phones"
  platform                     = "GCM"
  platform_credential          = "hush"
  success_feedback_sample_rate = var.timeout
}
resource "aws_sns_sms_preferences" "texts" {
  default_sms_type    = "Transactional"
  monthly_spend_limit = 1
}

resource "aws_cloudwatch_log_group" "sealed" {
  name              = "tf-sealed"
  kms_key_id        = aws_kms_key.shop.arn
  retention_in_days = var.timeout == 10 ? 7 : 14
  tags              = { shop = "north" }
}
resource "aws_cloudwatch_query_definition" "errors" {
  name            = "tf-errors"
  log_group_names = [aws_cloudwatch_log_group.sealed.name]
  query_string    = "fields @message | limit ${var.timeout}"
}
resource "aws_cloudwatch_log_resource_policy" "events" {
  policy_name     = "tf-events"
  policy_document = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Principal = { Service = "events.amazonaws.com" }, Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = "*" }] })
}
resource "aws_cloudformation_stack" "bootstrap" {
  name         = "tf-settings"
  capabilities = ["CAPABILITY_NAMED_IAM"]
  parameters   = { Timeout = var.timeout }
  tags         = { shop = "north" }
  template_body = jsonencode({
    Parameters = { Timeout = { Type = "String" } }
    Resources  = { Setting = { Type = "AWS::SSM::Parameter", Properties = { Name = "/tf-stack/timeout", Type = "String", Value = { Ref = "Timeout" } } } }
    Outputs    = { Timeout = { Value = { "Fn::GetAtt" = ["Setting", "Value"] } } }
  })
}
data "aws_cloudformation_stack" "bootstrap" { name = aws_cloudformation_stack.bootstrap.name }
data "aws_cloudformation_export" "shop" {
  name       = "tf-shop"
  depends_on = [aws_cloudformation_stack.exporting]
}
resource "aws_cloudformation_stack" "exporting" {
  name          = "tf-exporting"
  template_body = jsonencode({ Resources = { Topic = { Type = "AWS::SNS::Topic" } }, Outputs = { Topic = { Value = { Ref = "Topic" }, Export = { Name = "tf-shop" } } } })
}
resource "aws_cloudcontrolapi_resource" "topic" {
  type_name     = "AWS::SNS::Topic"
  desired_state = jsonencode({ TopicName = "tf-cloudcontrol", DisplayName = "timeout ${var.timeout}" })
}
