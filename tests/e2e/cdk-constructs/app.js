// Every construct of the CDK's library that brings a custom resource of its own, and stacks that refer to one another.
const path = require("path");
const cdk = require("aws-cdk-lib");
const events = require("aws-cdk-lib/aws-events");
const targets = require("aws-cdk-lib/aws-events-targets");
const lambda = require("aws-cdk-lib/aws-lambda");
const logs = require("aws-cdk-lib/aws-logs");
const s3 = require("aws-cdk-lib/aws-s3");
const deployment = require("aws-cdk-lib/aws-s3-deployment");
const notifications = require("aws-cdk-lib/aws-s3-notifications");
const sqs = require("aws-cdk-lib/aws-sqs");
const ssm = require("aws-cdk-lib/aws-ssm");
const resources = require("aws-cdk-lib/custom-resources");

const app = new cdk.App();
const runtime = new lambda.Runtime(app.node.tryGetContext("runtime") ?? "python3.13", lambda.RuntimeFamily.PYTHON, {
  supportsInlineCode: true,
});
const env = { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION };

const base = new cdk.Stack(app, "Base", { env });
const archive = new sqs.Queue(base, "Archive");
new ssm.StringParameter(base, "Greeting", { parameterName: "/shop/greeting", stringValue: "hello" });

const shop = new cdk.Stack(app, "Constructs", { env });
shop.addStackDependency(base);
const queue = new sqs.Queue(shop, "Orders");
const greeting = ssm.StringParameter.valueForStringParameter(shop, "/shop/greeting");
const files = new s3.Bucket(shop, "Files", { removalPolicy: cdk.RemovalPolicy.DESTROY, autoDeleteObjects: true });
const handler = new lambda.Function(shop, "Invoice", {
  runtime,
  handler: "app.handler",
  code: lambda.Code.fromAsset(path.join(__dirname, "function")),
  environment: { GREETING: greeting, ARCHIVE: archive.queueUrl },
  logRetention: logs.RetentionDays.ONE_WEEK,
});
files.addEventNotification(s3.EventType.OBJECT_CREATED, new notifications.SqsDestination(queue), { prefix: "in/" });
new deployment.BucketDeployment(shop, "Site", {
  sources: [deployment.Source.asset(path.join(__dirname, "site")), deployment.Source.data("told.txt", greeting)],
  destinationBucket: files, destinationKeyPrefix: "site",
});
const group = new logs.LogGroup(shop, "Log", { removalPolicy: cdk.RemovalPolicy.DESTROY });
new events.Rule(shop, "OrderPlaced", {
  eventPattern: { source: ["shop"], detailType: ["OrderPlaced"] },
  targets: [new targets.LambdaFunction(handler), new targets.SqsQueue(queue), new targets.CloudWatchLogGroup(group)],
});
const call = new resources.AwsCustomResource(shop, "Told", {
  installLatestAwsSdk: false,
  onUpdate: {
    service: "SSM", action: "putParameter",
    parameters: { Name: "/shop/told", Value: "told", Type: "String", Overwrite: true },
    physicalResourceId: resources.PhysicalResourceId.of("told"),
  },
  onDelete: { service: "SSM", action: "deleteParameter", parameters: { Name: "/shop/told" } },
  policy: resources.AwsCustomResourcePolicy.fromSdkCalls({ resources: ["*"] }),
});
const onEvent = new lambda.Function(shop, "OnEvent", {
  runtime, handler: "index.handler",
  code: lambda.Code.fromInline("def handler(event, context):\n    return {'PhysicalResourceId': 'own', 'Data': {'Answer': event['ResourceProperties']['Question'].upper()}}\n"),
});
const provider = new resources.Provider(shop, "Provider", { onEventHandler: onEvent });
const own = new cdk.CustomResource(shop, "Own", { serviceToken: provider.serviceToken, properties: { Question: "tea?" } });
const nested = new cdk.NestedStack(shop, "Nested");
const inner = new sqs.Queue(nested, "Inner");
new cdk.CfnOutput(shop, "QueueUrl", { value: queue.queueUrl });
new cdk.CfnOutput(shop, "InnerUrl", { value: inner.queueUrl });
new cdk.CfnOutput(shop, "FunctionName", { value: handler.functionName });
new cdk.CfnOutput(shop, "Bucket", { value: files.bucketName });
new cdk.CfnOutput(shop, "LogGroup", { value: group.logGroupName });
new cdk.CfnOutput(shop, "Answer", { value: own.getAttString("Answer") });
