import { SQSClient, SendMessageCommand } from '@aws-sdk/client-sqs'

interface Order {
  id: string
  items: string[]
}

const sqs = new SQSClient({})

function total(order: Order): number {
  if (order.items.length === 0) throw new Error(`order ${order.id} is empty`)
  return order.items.length
}

export const handler = async (event: { detail: Order }): Promise<void> => {
  const items = total(event.detail)
  const MessageBody = JSON.stringify({ id: event.detail.id, items })
  await sqs.send(new SendMessageCommand({ QueueUrl: process.env.QUEUE, MessageBody }))
}
