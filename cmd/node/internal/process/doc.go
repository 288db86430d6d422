// Package process is one node as a process: its saved settings, the lock that shows
// that it runs, the order in which it starts and stops, and the sentences it
// ends with when it can't start.
//
// A data directory as it lies on disk:
//
//	node.json        id, addresses and founding members, written once (settings.go); and what may be
//	                 another from one start to the next (edge.go, wire.go)
//	pid              the process that runs here, locked as long as it lives (pidfile.go)
//	cluster-secret   by which it and its peers know each other, without certificates (secret.go)
//	…                what raft/node and raft/wal keep there
//
// Nothing in the directory is touched before ports, settings and lock are known to
// be good.
package process
