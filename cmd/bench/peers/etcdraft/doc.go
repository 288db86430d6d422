// Package etcdraft is a replicated map on etcd-io/raft and etcd's write-ahead log: what somebody who knows both
// well would write to get the most out of them. cmd/bench/peers measures it.
//
//	callers ──► inbox ──► loop: RawNode, table ──► peers: one goroutine and TCP connection each
//	              ▲         │                             │
//	              │         └──► disk: WAL, one sync for  │ acknowledgements leave
//	              └── stored ─── all that is queued ──────┘ when they are stored
//
// One goroutine owns the RawNode and the map: it takes everything that has come at once, so that one Ready carries
// the entries of many callers, and answers them itself when they are applied. Storage writes are asynchronous
// (raft.Config.AsyncStorageWrites): the leader's messages leave beside its own write, and what comes during a sync
// shares the next one. Reads share rounds of ReadIndex. Every 100,000 entries a snapshot lets go of the log behind.
//
// Messages are protobuf, as the library has them. The network trusts everybody, and membership is fixed.
package etcdraft
