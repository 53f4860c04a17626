/** Configuration files with the keys, types and nesting of those of the C++ rFaaS, in both forms that it had. */
export const referenceFiles = {
  resource_manager: JSON.stringify({
    config: {
      rdma_device: '',
      rdma_device_port: 10_000,
      http_network_address: '0.0.0.0',
      http_network_port: 5000,
      'rdma-threads': 1,
      'rdma-secret': 42,
      'rdma-sleep': true,
    },
  }),
  executor_manager: JSON.stringify({
    config: {
      rdma_device: '',
      rdma_device_port: 10_005,
      node_name: 'exec-mgr-node',
      resource_manager_address: '',
      resource_manager_port: 10_000,
      resource_manager_secret: 42,
      'rdma-sleep': true,
    },
    executor: { use_docker: false, repetitions: 100, warmup_iters: 0, pin_threads: false },
  }),
  executor_manager_containers: JSON.stringify({
    config: {
      rdma_device: '',
      rdma_device_port: 10_004,
      resource_manager_address: '',
      resource_manager_port: 0,
      resource_manager_secret: 0,
    },
    executor: { sandbox_type: 'sarus', repetitions: 100, warmup_iters: 0, pin_threads: false },
    'sandbox-configuration': [
      { key: 'sarus', value: { index: 1, data: { name: 'image', devices: ['/dev/kgni0'] } } },
    ],
  }),
  executors_database: JSON.stringify({
    executors: [{ node: 'exec-mgr-node', address: '', port: 10_005, cores: 1, memory: 512 }],
  }),
  devices: JSON.stringify({
    devices: [
      {
        name: 'rxe0',
        ip_address: '10.1.2.3',
        port: 10_000,
        max_inline_data: 0,
        default_receive_buffer_size: 32,
      },
    ],
    configuration: { authentication_credential: 0 },
  }),
  benchmark: JSON.stringify({
    config: {
      rdma_device: '',
      rdma_device_port: 10_005,
      resource_manager_address: '',
      resource_manager_port: 0,
    },
    benchmark: {
      memory: 256,
      pin_threads: false,
      repetitions: 100,
      warmup_repetitions: 0,
      numcores: 1,
      hot_timeout: -1,
    },
  }),
} as const;
