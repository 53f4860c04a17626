import { z } from 'zod';
import { RfaasError } from '../errors.ts';
import { port, schemaReference } from './fields.ts';

/** The keys of `devices.json` as they stand in the file. */
export const devicesFile = z.strictObject({
  $schema: schemaReference,
  devices: z.array(
    z.strictObject({
      name: z.string(),
      ip_address: z.string(),
      port,
      max_inline_data: z.int().min(0),
      default_receive_buffer_size: z.int().min(1),
    }),
  ),
  configuration: z
    .strictObject({ authentication_credential: z.int().optional() })
    .optional()
    .describe('Credentials of the fabric, where it has any'),
});

/** `devices.json`: the RDMA devices of a host. */
export const devicesConfig = devicesFile.transform(({ devices, configuration }) => ({
  devices: devices.map((device) => ({
    name: device.name,
    ipAddress: device.ip_address,
    port: device.port,
    maxInlineData: device.max_inline_data,
    defaultReceiveBufferSize: device.default_receive_buffer_size,
  })),
  authenticationCredential: configuration?.authentication_credential,
}));

/** See {@link devicesConfig}. */
export type DevicesConfig = z.output<typeof devicesConfig>;

/**
 * Where servers on a device listen, as a device database says it.
 *
 * @throws RfaasError `RFAAS_ERR_CONFIGURATION` if the database does not have the device
 */
export function addressOfDevice(
  { devices }: DevicesConfig,
  name: string,
): { readonly host: string; readonly port: number } {
  const device = devices.find((each) => each.name === name);
  if (device === undefined) {
    const names = devices.map((each) => each.name).join(', ');
    throw new RfaasError(
      'RFAAS_ERR_CONFIGURATION',
      `the device database has no device "${name}" (it has ${names === '' ? 'none' : names}); "rfaas devices --write" writes it anew`,
    );
  }
  return { host: device.ipAddress, port: device.port };
}
