// Package metrics counts what a node does, for Prometheus.
//
//	loop, disk, worker of raft/host ──Probe──▶ counters and histograms ─┐
//	notes of every Step ─────────────Notes───▶ counters                 ├─▶ /metrics
//	gRPC ────────────────────────────Calls───▶ counters and histograms  │
//	host.Status, when somebody looks ────────▶ gauges ──────────────────┘
//
// What happens often is counted where it happens, by adding to a number: no allocation, no lock that the loop could wait
// for (BenchmarkNotes and the others beside it). What can be read off is read when Prometheus asks.
//
// No label has a value that people choose: no user, channel, document or file, no address. The values of every label are
// known when the program is built, other than ids of nodes and reasons of refusals, which are in tables of their own.
// docs/operations.md has all of them with their meaning, and a test compares it with the code.
//
//	metrics.go   the registry, and how a family is made
//	notes.go     consensus, snapshots, blobs: by notes
//	host.go      loop, disk, worker, answers: by host.Probe
//	status.go    what is read off when somebody looks
//	calls.go     gRPC
package metrics
