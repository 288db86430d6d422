// Command kv is a key-value store that three processes keep alike, on Parley's Raft: what an embedder writes, and no more.
//
//	store.go   the state machine: the embedder's half of the bargain
//	serve.go   HTTP in front of it, and what each way in which a request may end means to a client
//	main.go    a node with its directory and its peers
//
// Start all three, each in a terminal:
//
//	go run ./cmd/examples/kv --id 1        # and 2, and 3
//
// and talk to any of them:
//
//	curl -L -X PUT -d green 127.0.0.1:8001/colour
//	curl 127.0.0.1:8003/colour
//
// Kill one, go on with the others, start it again: its directory is ./kv-1, ./kv-2 or ./kv-3.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/peer"
)

func main() {
	id := flag.Int("id", 1, "which of the nodes this is: 1, 2, 3, …")
	peers := flag.String("peers", "127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003", "where the nodes listen for each other, in the order of their ids")
	clients := flag.String("clients", "127.0.0.1:8001,127.0.0.1:8002,127.0.0.1:8003", "where they take clients")
	dir := flag.String("dir", "", "the node's data directory (default ./kv-ID)")
	flag.Parse()
	if *dir == "" {
		*dir = fmt.Sprintf("kv-%d", *id)
	}
	if err := run(*id, strings.Split(*peers, ","), strings.Split(*clients, ","), *dir); err != nil {
		log.Fatal(err)
	}
}

// settings are what an operator decides. The seeds are read until the cluster is formed; later the log says who is a member. The
// rules are part of what the log means: all nodes have the same, for good.
func settings(seeds []node.Seed) node.Settings {
	return node.Settings{Seeds: seeds, Rules: node.Rules{
		// For so long a request may be repeated. 65,536 are remembered, so that this is good for a thousand writes a second; clients
		// that write more open a session (raft/caller), which costs one number for all of its commands.
		RequestAgeMax: time.Minute,
	}}
}

// run runs a node until somebody interrupts it or it can't go on.
func run(id int, peers, clients []string, dir string) error {
	if id < 1 || id > len(peers) || len(peers) != len(clients) {
		return errors.New("kv: --peers and --clients need an address for each node, --id is one of them")
	}
	var seeds []node.Seed
	for i := range peers {
		seeds = append(seeds, node.Seed{ID: raft.NodeID(i + 1), PeerAddr: peers[i], ClientAddr: clients[i]})
	}
	// Without Security anybody who can connect is a node: give Options one before the addresses are anything but 127.0.0.1.
	transport, err := peer.Listen(peers[id-1], peer.Options{})
	if err != nil {
		return err
	}
	h, err := host.Start(host.Config{
		ID: raft.NodeID(id), Dir: dir, Machine: &store{}, Transport: transport,
		Settings: settings(seeds),
	})
	if err != nil {
		return err
	}

	web := &http.Server{Addr: clients[id-1], Handler: handler{h}, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- web.ListenAndServe() }()
	interrupted, cancel := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer cancel()
	select {
	case err = <-failed:
	case <-h.Done(): // a disk that failed, a state that differs: Err has the sentence
	case <-interrupted.Done():
	}
	ctx, end := context.WithTimeout(context.Background(), 5*time.Second)
	defer end()
	return errors.Join(err, h.Stop(ctx), web.Shutdown(ctx), h.Err()) // a leader hands over before it goes
}
