import { openTransport } from '@rfaas/rdmalib';
for (const url of process.argv.slice(2)) {
  try {
    const t = openTransport(url);
    console.log(url, JSON.stringify(t.capabilities));
    const domain = t.openProtectionDomain();
    const mem = domain.allocateMemory({ byteLength: 4096, access: ['local-write', 'remote-write', 'remote-read'] });
    const listener = await domain.listen({ host: process.env.H ?? '', port: 0 });
    console.log('listening', listener.address);
    const queue = domain.createCompletionQueue({ depth: 8 });
    const o = { sendCompletions: queue, receiveCompletions: queue, sendQueueDepth: 4, receiveQueueDepth: 4 };
    const t2 = openTransport(url); const d2 = t2.openProtectionDomain();
    const q2 = d2.createCompletionQueue({ depth: 8 });
    const near = d2.createEndpoint({ sendCompletions: q2, receiveCompletions: q2, sendQueueDepth: 4, receiveQueueDepth: 4 });
    const m2 = d2.allocateMemory({ byteLength: 4096, access: ['local-write', 'remote-write', 'remote-read'] });
    const c = near.connect(listener.address, { timeoutMs: 10000 });
    c.catch(() => {});
    const timer = setTimeout(() => console.log('no request after 8 s'), 8000);
    for await (const r of listener.requests()) { const far = r.createEndpoint(o); far.postEmptyReceives(2); await r.accept(far); console.log('accepted'); break; }
    clearTimeout(timer);
    await c; console.log('connected');
    const target = near.resolveRemote(mem.remote); console.log('resolved');
    near.postWrite({ region: m2, offset: 0, byteLength: 64 }, target, 0, { immediate: 5 });
    const { createCompletionBatch } = await import('@rfaas/rdmalib');
    const b = createCompletionBatch(4);
    const end = Date.now() + 8000;
    const poll = (q, n) => { while (q.poll(b) === 0 && Date.now() < end); console.log(n, b.length ? b.at(0) : 'nothing'); };
    poll(q2, 'near'); poll(queue, 'far');
    await t2.close(); await t.close(); console.log('closed');
  } catch (e) { console.log(url, e.code, e.message); }
}
process.exit(0);
