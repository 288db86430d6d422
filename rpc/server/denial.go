package server

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// denials notes in the audit log what somebody was refused because he may not do it, and wrong passwords. A refusal
// changes nothing on any node, and reads are in no log; so it is the server that saw it who has it written down, before it
// answers. A note that the cluster does not take in time is counted with the next one.
type denials struct {
	host  *host.Host
	now   func() time.Time
	rates *auth.Rates // of notes, by user; wrong passwords have one of their own

	mu      sync.Mutex
	dropped map[string]uint64 // by the same; only of who was refused a note
	busy    int               // notes under way
}

// notesMax bounds the notes under way at once, and droppedMax the users of whom dropped ones are counted.
const (
	notesMax   = 16
	droppedMax = 10_000
)

func newDenials(h *host.Host, now func() time.Time) (*denials, error) {
	rates, err := auth.NewRates("notes", deniedBurst, deniedEvery, time.Now)
	return &denials{host: h, now: now, rates: rates, dropped: map[string]uint64{}}, err
}

// seen looks at how a call ended.
func (d *denials) seen(ctx context.Context, method string, err error) {
	a := actorOf(ctx)
	if err == nil || a.principal == "" || status.Code(err) != codes.PermissionDenied {
		return
	}
	method = method[strings.LastIndexByte(method, '/')+1:]
	reason := convert.ParseError(err).Reason
	d.note(a.principal, func(dropped uint64) state.Command {
		return &account.Denied{User: a.user, Login: a.head.Login, Method: clean(method), Reason: clean(reason), Dropped: dropped}
	})
}

// wrongPassword notes one of an account, or of none.
func (d *denials) wrongPassword(name, address string) {
	d.note("", func(dropped uint64) state.Command {
		name = clean(name)
		return &account.LogInFailed{Name: name[:min(len(name), 64)], Address: clean(address), Dropped: dropped}
	})
}

// note has a command written, unless there were too many of this user's.
func (d *denials) note(who string, make func(dropped uint64) state.Command) {
	d.mu.Lock()
	if d.busy >= notesMax || d.rates.Allow("note "+who, 1) != nil {
		d.drop(who, 1)
		d.mu.Unlock()
		return
	}
	dropped := d.dropped[who]
	delete(d.dropped, who)
	d.busy++
	d.mu.Unlock()
	d.write(who, dropped, statemachine.AppendCommand(nil, state.Head{Wall: raft.Wall(d.now().UnixNano())}, make(dropped)))
}

// drop counts what was not written. The caller has the lock.
func (d *denials) drop(who string, n uint64) {
	if _, known := d.dropped[who]; known || len(d.dropped) < droppedMax {
		d.dropped[who] += n
	}
}

// write proposes a note if this node leads, and has the leader told otherwise.
func (d *denials) write(who string, dropped uint64, body []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), auditMax)
	defer cancel()
	a, err := d.host.Do(ctx, node.Event{Kind: node.EventCommand, Command: node.Command{RequestID: rand.Text(), Body: body}})
	lost := err != nil || a.Outcome != node.Done
	if err == nil && a.Code == node.CodeNotLeader {
		d.host.Tell(body)
		lost = false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy--
	if lost {
		d.drop(who, dropped+1)
	}
}
