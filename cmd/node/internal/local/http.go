package local

import (
	"errors"
	"fmt"
	"net"
	"strings"
)

// DefaultHTTPPort is where node 1 is watched; node i at this port + i - 1.
const DefaultHTTPPort = 50080

// watched gives each node an address where it is watched. They are no part of what the cluster is: a resumed one gets others if those it
// had are taken, and nobody asked for them.
func (p *plan) watched(o Options) (changed bool, err error) {
	n := len(p.Nodes)
	had := make([]string, 0, n)
	for _, node := range p.Nodes {
		had = append(had, node.HTTPAddr)
	}
	var addrs []string
	switch {
	case o.HTTPPort == 0, o.HTTPPort < 0 && o.ClientPort == 0: // whoever wants free ports wants them all
		addrs, err = freeAddresses("--http-port", n)
	case o.HTTPPort > 0:
		if addrs, err = addresses("--http-port", o.HTTPPort, 0, n); err == nil {
			err = p.free(addrs)
		}
	default:
		for _, addrs = range [][]string{had, addressesFrom(DefaultHTTPPort, n)} {
			if err = p.free(addrs); err == nil {
				break
			}
		}
		if err != nil {
			addrs, err = freeAddresses("--http-port", n)
		}
	}
	if err != nil {
		return false, err
	}
	for i := range p.Nodes {
		changed = changed || p.Nodes[i].HTTPAddr != addrs[i]
		p.Nodes[i].HTTPAddr = addrs[i]
	}
	return changed, nil
}

// free reports the first address that somebody listens on, or that another listener of the cluster has.
func (p *plan) free(addrs []string) error {
	for i, addr := range addrs {
		for _, n := range p.Nodes {
			if addr == n.ClientAddr || addr == n.PeerAddr {
				return fmt.Errorf("address %s (node %d, --http-port) is one that the cluster uses already: choose another --http-port", addr, i+1)
			}
		}
		if addr == "" {
			return errors.New("not chosen yet")
		}
		l, err := net.Listen("tcp", addr)
		if err != nil {
			return fmt.Errorf("address %s (node %d, --http-port) is in use: stop the program that listens there, or choose another --http-port", addr, i+1)
		}
		_ = l.Close()
	}
	return nil
}

// httpAddrs lists where the nodes are watched.
func (p *plan) httpAddrs() string {
	addrs := make([]string, len(p.Nodes))
	for i, n := range p.Nodes {
		addrs[i] = n.HTTPAddr
	}
	return strings.Join(addrs, ",")
}
