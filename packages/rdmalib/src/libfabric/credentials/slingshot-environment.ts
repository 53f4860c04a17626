import { InvalidArgumentError } from '../../errors.ts';
import type { CxiService } from './authorization-key.ts';

/** Variables of a process. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What a launcher such as Slurm allows this process on one network interface. */
export interface SlingshotService extends CxiService {
  /** The interface's name, e.g. `cxi0`; undefined where the launcher names none. */
  readonly device: string | undefined;
}

/**
 * What the launcher told in `SLINGSHOT_SVC_IDS`, `SLINGSHOT_DEVICES` (one for each service, in the same order) and
 * `SLINGSHOT_VNIS` (of which the first is taken); empty where it told nothing. Throws InvalidArgumentError.
 */
export function slingshotServices(environment: Environment): SlingshotService[] {
  const services = numbers(environment, 'SLINGSHOT_SVC_IDS');
  const [vni] = numbers(environment, 'SLINGSHOT_VNIS');
  if (services.length === 0 && vni === undefined) {
    return [];
  }
  if (services.length === 0 || vni === undefined) {
    throw wrong('SLINGSHOT_SVC_IDS and SLINGSHOT_VNIS belong together, and only one of them is set');
  }
  const devices = list(environment, 'SLINGSHOT_DEVICES');
  if (devices.length > 0 && devices.length !== services.length) {
    throw wrong(
      `SLINGSHOT_DEVICES names ${devices.length} devices and SLINGSHOT_SVC_IDS ${services.length} services: each device ` +
        'needs one',
    );
  }
  return services.map((serviceId, index) => ({ serviceId, vni, device: devices[index] }));
}

/** The service for a device, or the first where none is named. Throws InvalidArgumentError for a device without one. */
export function serviceForDevice(
  services: readonly SlingshotService[],
  device: string | undefined,
): SlingshotService | undefined {
  if (device === undefined || services.every((service) => service.device === undefined)) {
    return services[0];
  }
  const found = services.find((service) => service.device === device);
  if (found === undefined) {
    const known = services.map((service) => service.device).join(', ');
    throw wrong(`no service for ${device}: SLINGSHOT_DEVICES names ${known}`);
  }
  return found;
}

function list(environment: Environment, name: string): string[] {
  const value = environment[name]?.trim() ?? '';
  return value === '' ? [] : value.split(',').map((part) => part.trim());
}

function numbers(environment: Environment, name: string): number[] {
  return list(environment, name).map((text) => {
    if (!/^[0-9]{1,10}$/.test(text)) {
      throw wrong(`${name}=${environment[name]}: "${text}" is no number`);
    }
    return Number(text);
  });
}

function wrong(reason: string): InvalidArgumentError {
  return new InvalidArgumentError(
    `${reason}; the launcher sets these variables (Slurm: --network=job_vni or single_node_vni), or give ?svc_id=…&vni=… in ` +
      'the URL and unset them',
    { operation: 'SLINGSHOT environment' },
  );
}
