// Package local runs a whole cluster on this machine, each node a process of its
// own, so that kill -9 of one is a real crash.
//
//	plan.go    which nodes, where they listen, where their data lies
//	child.go   one node's process, and how it is tied to this one's life
//	llm.go     the LLM server's process, which is started again when it dies
//	http.go    where they are watched
//	local.go   start all, wait until writes succeed, watch, stop all
package local

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"parley/cmd/internal/usage"
	"parley/cmd/node/internal/process"
)

// Options is what the command line says. Nodes 0 and ports -1 were not given.
type Options struct {
	Dir        string
	Ephemeral  bool // Dir is empty: use a temporary directory and remove it
	Nodes      int
	ClientPort int // node i listens at ClientPort+i-1; 0 is any free ports
	PeerPort   int
	HTTPPort   int
	LLMPort    int
	LLMCommand string // the LLM server's program; empty: this one
	BcryptCost int    // 0: as the nodes have it
	SegmentMiB int    // 0: DefaultSegmentMiB at first, later as the nodes have it
}

// What holds when the command line says nothing.
const (
	DefaultDir        = "./parley-data"
	DefaultNodes      = 3
	DefaultClientPort = 50051
	DefaultPeerPort   = 50151
	DefaultLLMPort    = 50055
	DefaultSegmentMiB = 16 // three nodes on somebody's disk to try them out: 100 MB and not 400
	// DefaultLLMPortOfMany is for clusters whose clients' ports reach up to the other one.
	DefaultLLMPortOfMany = 50050
	nodesMax             = 9 // beyond any use; a typing error is not a fork bomb
)

// plan is a local cluster. It is saved before anything is started, so that the same
// directory always means the same cluster.
type plan struct {
	Version int        `json:"version"`
	Nodes   []planNode `json:"nodes"`
	LLMAddr string     `json:"llm_addr,omitempty"` // where the LLM server listens

	dir        string
	bcryptCost int
	segmentMiB int
	llmCommand string
}

type planNode struct {
	ID         uint64 `json:"id"`
	ClientAddr string `json:"client_addr"`
	PeerAddr   string `json:"peer_addr"`
	HTTPAddr   string `json:"http_addr,omitempty"`
}

const (
	planFile    = "dev.json"
	planVersion = 1
)

// loadPlan returns the plan saved in the directory, checked against the options,
// or makes one of the options and saves it.
func loadPlan(o Options) (*plan, error) {
	path := filepath.Join(o.Dir, planFile)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makePlan(o)
	}
	if err != nil {
		return nil, err
	}
	p := &plan{dir: o.Dir}
	if err := json.Unmarshal(data, p); err != nil || len(p.Nodes) == 0 {
		return nil, fmt.Errorf("%s does not describe a cluster: restore it, or choose another --dir", path)
	}
	if p.Version > planVersion {
		return nil, fmt.Errorf("%s was written by a newer release (version %d, this one reads %d): run that release", path, p.Version, planVersion)
	}
	p.bcryptCost, p.segmentMiB, p.llmCommand = o.BcryptCost, o.SegmentMiB, o.LLMCommand
	if err := p.accept(o); err != nil {
		return nil, err
	}
	changed, err := p.watched(o)
	if err == nil && p.LLMAddr == "" { // of a directory that is older than the LLM server
		changed = true
		p.LLMAddr, err = o.llmAddr(p)
	}
	if err == nil && changed {
		err = p.save()
	}
	return p, err
}

// accept reports the first option that contradicts the saved plan.
func (p *plan) accept(o Options) error {
	if o.Nodes != 0 && o.Nodes != len(p.Nodes) {
		return fmt.Errorf("%s holds a cluster of %d nodes, not %d: leave --nodes out to resume it, or choose another --dir", p.dir, len(p.Nodes), o.Nodes)
	}
	for _, c := range []struct {
		flag, addr string
		port       int
	}{{"--client-port", p.Nodes[0].ClientAddr, o.ClientPort}, {"--peer-port", p.Nodes[0].PeerAddr, o.PeerPort}} {
		if c.port > 0 && !strings.HasSuffix(c.addr, fmt.Sprintf(":%d", c.port)) {
			return fmt.Errorf("%s holds a cluster whose node 1 listens at %s, not at port %d: leave %s out to resume it, or choose another --dir", p.dir, c.addr, c.port, c.flag)
		}
	}
	if o.LLMPort > 0 && p.LLMAddr != "" && !strings.HasSuffix(p.LLMAddr, fmt.Sprintf(":%d", o.LLMPort)) {
		return fmt.Errorf("%s holds a cluster whose LLM server listens at %s, not at port %d: leave --llm-port out to resume it, or choose another --dir", p.dir, p.LLMAddr, o.LLMPort)
	}
	return nil
}

// WrongNodes refuses a number of nodes.
func WrongNodes(n int) error {
	return usage.Errorf("--nodes %d: a local cluster has 1 to %d nodes", n, nodesMax)
}

func makePlan(o Options) (*plan, error) {
	if o.Nodes == 0 {
		o.Nodes = DefaultNodes
	}
	if o.Nodes < 1 || o.Nodes > nodesMax {
		return nil, WrongNodes(o.Nodes)
	}
	clients, err := addresses("--client-port", o.ClientPort, DefaultClientPort, o.Nodes)
	if err != nil {
		return nil, err
	}
	peers, err := addresses("--peer-port", o.PeerPort, DefaultPeerPort, o.Nodes)
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(peers, func(addr string) bool { return slices.Contains(clients, addr) }); i >= 0 {
		return nil, usage.Errorf("--client-port and --peer-port both give %s to a node: choose ports that are %d apart, or more", peers[i], o.Nodes)
	}
	p := &plan{Version: planVersion, dir: o.Dir, bcryptCost: o.BcryptCost, segmentMiB: cmp.Or(o.SegmentMiB, DefaultSegmentMiB), llmCommand: o.LLMCommand}
	for i := range o.Nodes {
		p.Nodes = append(p.Nodes, planNode{ID: uint64(i + 1), ClientAddr: clients[i], PeerAddr: peers[i]})
	}
	if err := p.portsFree(); err != nil {
		return nil, err
	}
	if _, err := p.watched(o); err != nil {
		return nil, err
	}
	if p.LLMAddr, err = o.llmAddr(p); err != nil {
		return nil, err
	}
	return p, p.save()
}

func (p *plan) save() error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	return process.WriteFile(filepath.Join(p.dir, planFile), append(data, '\n'))
}

// addresses returns n addresses with consecutive ports: from port on, or free
// ones if it is 0.
func addresses(flag string, port, normal, n int) ([]string, error) {
	switch {
	case port < 0:
		port = normal // it was not given
	case port == 0:
		return freeAddresses(flag, n)
	}
	if port+n-1 > 65535 {
		return nil, usage.Errorf("%s %d: %d nodes need ports up to %d, and the last port is 65535", flag, port, n, port+n-1)
	}
	return addressesFrom(port, n), nil
}

func addressesFrom(port, n int) []string {
	addrs := make([]string, n)
	for i := range addrs {
		addrs[i] = fmt.Sprintf("127.0.0.1:%d", port+i)
	}
	return addrs
}

// freeAddresses looks below the ports that the system gives to outgoing
// connections: one of those may be taken again before a node listens on it. Clients', peers'
// and watchers' ports come from ranges of their own, as none is held while the others are
// looked for.
func freeAddresses(flag string, n int) ([]string, error) {
	from, to := 20000, 26000
	switch flag {
	case "--peer-port":
		from, to = 26000, 32000
	case "--http-port":
		from, to = 14000, 20000
	case "--llm-port":
		from, to = 11000, 14000
	}
	for range 100 {
		addrs := addressesFrom(from+rand.IntN(to-from-n), n)
		if !slices.ContainsFunc(addrs, func(addr string) bool { return !free(addr) }) {
			return addrs, nil
		}
	}
	return nil, fmt.Errorf("found no %d free ports in a row between %d and %d: choose them with %s", n, from, to, flag)
}

// portsFree reports the first address that somebody else listens on.
func (p *plan) portsFree() error {
	for _, n := range p.Nodes {
		for _, c := range []struct{ flag, addr string }{{"--client-port", n.ClientAddr}, {"--peer-port", n.PeerAddr}} {
			l, err := net.Listen("tcp", c.addr)
			if err != nil {
				return fmt.Errorf("address %s (node %d, %s) is in use: stop the program that listens there, or choose another %s and --dir", c.addr, n.ID, c.flag, c.flag)
			}
			_ = l.Close()
		}
	}
	return nil
}

// dirsFree reports the first node that runs already.
func (p *plan) dirsFree() error {
	for _, n := range p.Nodes {
		if pid, alive := process.Running(p.pidFile(n.ID)); alive {
			return &process.InUseError{Dir: p.nodeDir(n.ID), Pid: pid}
		}
	}
	return nil
}

// formed reports whether a majority of the directories hold a member of a cluster.
func (p *plan) formed() bool {
	members := 0
	for _, n := range p.Nodes {
		if process.Formed(p.nodeDir(n.ID)) {
			members++
		}
	}
	return 2*members > len(p.Nodes)
}

func (p *plan) nodeDir(id uint64) string {
	return filepath.Join(p.dir, fmt.Sprintf("node-%d", id))
}

func (p *plan) pidFile(id uint64) string { return filepath.Join(p.nodeDir(id), "pid") }

// secretFile holds what the processes of the cluster know each other by.
func (p *plan) secretFile() string { return filepath.Join(p.dir, "cluster-secret") }

// clientAddrs returns where the nodes listen for clients, by id.
func (p *plan) clientAddrs() []string {
	addrs := make([]string, len(p.Nodes))
	for i, n := range p.Nodes {
		addrs[i] = n.ClientAddr
	}
	return addrs
}

// startArgs returns the arguments with which a node is started.
func (p *plan) startArgs(n planNode) []string {
	s := process.Settings{}
	for _, m := range p.Nodes {
		s.Cluster = append(s.Cluster, process.Member{ID: m.ID, PeerAddr: m.PeerAddr})
	}
	args := []string{"start", "--id", fmt.Sprint(n.ID), "--dir", p.nodeDir(n.ID),
		"--client-addr", n.ClientAddr, "--peer-addr", n.PeerAddr, "--cluster", s.ClusterFlag(), "--demo-users",
		"--secret-file", p.secretFile(), "--http-addr", n.HTTPAddr, "--llm-addr", p.LLMAddr, "--llm-secret-file", p.llmSecretFile()}
	if p.bcryptCost != 0 {
		args = append(args, "--bcrypt-cost", fmt.Sprint(p.bcryptCost))
	}
	if p.segmentMiB != 0 {
		args = append(args, "--segment-mib", fmt.Sprint(p.segmentMiB))
	}
	return args
}
