// Powertools for TypeScript: a structured log line, a metric, a trace, parameters, a secret, and work done once.
import { CachePersistenceLayer } from '@aws-lambda-powertools/idempotency/cache';
import { makeIdempotent } from '@aws-lambda-powertools/idempotency';
import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { getAppConfig } from '@aws-lambda-powertools/parameters/appconfig';
import { getSecret } from '@aws-lambda-powertools/parameters/secrets';
import { getParameter } from '@aws-lambda-powertools/parameters/ssm';
import { Tracer } from '@aws-lambda-powertools/tracer';

const logger = new Logger();
const metrics = new Metrics();
const tracer = new Tracer();

// What a Redis client is for the persistence layer.
const cache = new Map<string, string>();
const client = {
  get: async (key: string) => cache.get(key) ?? null,
  set: async (key: string, value: string, options?: { NX?: boolean }) => {
    if (options?.NX && cache.has(key)) return null;
    cache.set(key, value);
    return 'OK';
  },
  del: async (keys: string[]) => keys.filter((key) => cache.delete(key)).length,
};
let payments = 0;
const pay = makeIdempotent(async (order: { id: string }) => ({ id: order.id, number: ++payments }), {
  persistenceStore: new CachePersistenceLayer({ client: client as never }),
});

export const handler = async (event: { item: string }) => {
  logger.info('typed invoice', { item: event.item });
  metrics.addMetric('orders', MetricUnit.Count, 1);
  metrics.publishStoredMetrics();
  const work = tracer.getSegment()?.addNewSubsegment('work');
  work?.close();
  return {
    trace: tracer.getRootXrayTraceId(),
    greeting: await getParameter(process.env.PARAMETER!),
    secret: await getSecret(process.env.SECRET!, { transform: 'json' }),
    refused: await getAppConfig('a', { application: 'b', environment: 'c' }).catch((error: Error) => error.message),
    payments: [await pay({ id: 'a' }), await pay({ id: 'a' }), await pay({ id: 'b' })],
  };
};
