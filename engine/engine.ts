/** The engine process: intake, settlement and the operator's API on a private port. */
import type { Logger } from 'pino';
import { buildApi } from './api/api.ts';
import type { EngineConfig } from './config.ts';
import { TrustedProxies } from './contract/clients/trusted-proxies.ts';
import { providerTerms } from './operators/provider/variables.ts';
import { startRuntime } from './runtime.ts';

export interface Engine {
  readonly port: number;
  stop(): Promise<void>;
}

/** The database must be migrated. Rejects if the log is not available within 15 s or the port is taken. */
export async function startEngine(config: EngineConfig, log: Logger): Promise<Engine> {
  const runtime = await startRuntime(config, log);
  const api = buildApi({
    ...runtime.deps,
    token: config.OPERATOR_TOKEN,
    operatorSecret: config.OPERATOR_SECRET,
    proxies: new TrustedProxies(config.ENGINE_TRUSTED_PROXIES),
    operatorProvider: providerTerms(config),
    registry: runtime.metrics.registry,
    ready: runtime.ready,
  });
  try {
    await api.listen({ host: config.ENGINE_HOST, port: config.ENGINE_PORT });
  } catch (error) {
    await runtime.stop();
    throw error;
  }
  const [address] = api.addresses();
  if (address === undefined) throw new Error('the API is not listening');
  return {
    port: address.port,
    stop: async () => {
      await api.close();
      await runtime.stop();
    },
  };
}
