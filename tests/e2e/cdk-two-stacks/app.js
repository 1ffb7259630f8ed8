// A stack whose function comes from a folder, and needs the queue of another stack, which is declared after it.
const path = require("path");
const { App, CfnOutput, Stack } = require("aws-cdk-lib");
const { Rule } = require("aws-cdk-lib/aws-events");
const { LambdaFunction, SqsQueue } = require("aws-cdk-lib/aws-events-targets");
const { Code, Function, Runtime } = require("aws-cdk-lib/aws-lambda");
const { Queue } = require("aws-cdk-lib/aws-sqs");

const app = new App();
const env = { account: process.env.CDK_DEFAULT_ACCOUNT, region: process.env.CDK_DEFAULT_REGION };
const shop = new Stack(app, "AShop", { env });
const base = new Stack(app, "Base", { env });

const orders = new Queue(base, "Orders");
const invoice = new Function(shop, "Invoice", {
  runtime: new Runtime(app.node.tryGetContext("runtime")),
  handler: "invoice_app.handler",
  code: Code.fromAsset(path.join(__dirname, "function")),
  environment: { ORDERS: orders.queueUrl },
});
new Rule(shop, "OrderPlaced", {
  eventPattern: { source: ["shop"], detailType: ["OrderPlaced"] },
  targets: [new LambdaFunction(invoice)],
});
new Rule(base, "OrderKept", { eventPattern: { source: ["shop"] }, targets: [new SqsQueue(orders)] });

new CfnOutput(base, "QueueUrl", { value: orders.queueUrl });
new CfnOutput(shop, "FunctionName", { value: invoice.functionName });
