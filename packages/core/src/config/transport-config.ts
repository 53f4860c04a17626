/** How the reference's files say where a server listens, beside our own URL. */
export interface ListenSettings {
  /** Our own key; wins over the others. */
  readonly transport?: string | undefined;
  readonly rdma_device: string;
  readonly rdma_device_port: number;
}

/** The URL to listen on: `transport` if it is there, shared memory without a device, else verbs on that device and its address. */
export function listenUrl(settings: ListenSettings): string {
  if (settings.transport !== undefined) {
    return settings.transport;
  }
  if (settings.rdma_device === '') {
    return `shm://${settings.rdma_device_port}`;
  }
  return `verbs://:${settings.rdma_device_port}?device=${encodeURIComponent(settings.rdma_device)}`;
}

/** The RDMA device to listen on; `undefined` where there is none, or `transport` says where to listen. */
export function listenDevice(settings: ListenSettings): string | undefined {
  return settings.transport !== undefined || settings.rdma_device === '' ? undefined : settings.rdma_device;
}

/** How the reference's files say where the resource manager is, beside our own URL. */
export interface ResourceManagerSettings {
  /** Our own key; wins over the others. */
  readonly resource_manager?: string | readonly string[] | undefined;
  readonly rdma_device: string;
  readonly resource_manager_address: string;
  readonly resource_manager_port: number;
}

/**
 * The URL of the resource manager, of several with commas between them; `undefined` where the file names none (no address,
 * port 0).
 */
export function resourceManagerUrl(settings: ResourceManagerSettings): string | undefined {
  if (settings.resource_manager !== undefined) {
    return [settings.resource_manager].flat().join(',');
  }
  const { resource_manager_address: address, resource_manager_port: port } = settings;
  if (address === '' && port === 0) {
    return undefined;
  }
  if (settings.rdma_device === '') {
    return `shm://${port}`;
  }
  const host = address.includes(':') ? `[${address}]` : address;
  return `verbs://${host}:${port}?device=${encodeURIComponent(settings.rdma_device)}`;
}
