package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// reached is how far the client came at each address, the last time that it tried. When no node takes a request in time
// it is what a person wants to know: whether nothing listens there, something else, or a node without a leader.
type reached struct {
	mu     sync.Mutex
	dialed map[string]string // why no connection came about
	said   map[string]string // what was wrong over one that did
}

// note takes down what is wrong with a node; nothing: it answered.
func (r *reached) note(addr, wrong string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	put(&r.said, addr, wrong)
}

// silent takes down that no connection can be used. If the dialing failed that is why; else whoever took it is no node.
func (r *reached) silent(addr string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.dialed[addr] == "" {
		put(&r.said, addr, "what listens there does not answer as a node does to clients")
	}
}

func put(m *map[string]string, addr, wrong string) {
	if *m == nil {
		*m = make(map[string]string)
	}
	(*m)[addr] = wrong
}

// String is ": ADDR: why; ADDR: why", or nothing.
func (r *reached) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	wrong := make(map[string]string)
	for _, from := range []map[string]string{r.said, r.dialed} {
		for addr, why := range from {
			if why != "" {
				wrong[addr] = why
			}
		}
	}
	var all []string
	for _, addr := range slices.Sorted(maps.Keys(wrong)) {
		all = append(all, addr+": "+wrong[addr])
	}
	if len(all) == 0 {
		return ""
	}
	return ": " + strings.Join(all, "; ")
}

// dial is the dialer of every connection, unless Config.Dial brings another.
func (r *reached) dial(ctx context.Context, addr string) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if errors.Is(ctx.Err(), context.Canceled) {
		return conn, err // the client hung up
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	put(&r.dialed, addr, dialed(err))
	return conn, err
}

// dialed is what a failed dialing says, without the address and the call of the system.
func dialed(err error) string {
	if err == nil {
		return ""
	}
	if unknown, ok := errors.AsType[*net.DNSError](err); ok && unknown.IsNotFound {
		return "no such host"
	}
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number.Error()
	}
	if slow, ok := errors.AsType[net.Error](err); ok && slow.Timeout() {
		return fmt.Sprintf("no answer within %v", connectMax)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		err = cmp.Or(op.Err, err)
	}
	return err.Error()
}
