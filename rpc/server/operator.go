package server

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// operators serves OperatorService. The bytes of a backup are made in backup.go.
type operators struct {
	pb.UnimplementedOperatorServiceServer
	*edge
	lifetime time.Duration // of tokens

	backing sync.Mutex // one backup at a time reads the disk

	mu      sync.Mutex
	next    *check     // that has not begun yet; nil: none waits
	compare sync.Mutex // one comparison at a time
}

// check is one comparison, shared by all who ask before it begins.
type check struct {
	done   chan struct{}
	answer *pb.CheckResponse
	err    error
}

// Check has the nodes note their states at one entry and tell the leader.
func (s *operators) Check(ctx context.Context, _ *pb.CheckRequest) (*pb.CheckResponse, error) {
	var me account.Me
	if _, err := s.ask(ctx, pb.Consistency_CONSISTENCY_LINEARIZABLE, &account.WhoAmI{}, &me); err != nil {
		return nil, err // whoever speaks under a login that has ended
	}
	s.mu.Lock()
	c := s.next
	if c == nil {
		c = &check{done: make(chan struct{})}
		s.next = c
		go s.check(context.WithoutCancel(ctx), c)
	}
	s.mu.Unlock()
	select {
	case <-c.done:
		return c.answer, c.err
	case <-ctx.Done():
		return nil, convert.ContextError(ctx.Err())
	}
}

// check makes one comparison, behind the one that is under way and with a pause after it.
func (s *operators) check(ctx context.Context, c *check) {
	s.compare.Lock()
	defer func() {
		time.Sleep(checkEvery)
		s.compare.Unlock()
	}()
	s.mu.Lock()
	s.next = nil
	s.mu.Unlock()
	s.compareNow(ctx, c)
}

// compareNow appends the entry and waits until every member has told its hash there, or for as long as checkMax.
func (s *operators) compareNow(ctx context.Context, c *check) {
	defer close(c.done)
	ctx, cancel := context.WithTimeout(ctx, checkMax)
	defer cancel()
	a, err := do(ctx, s.host, node.Event{Kind: node.EventMark})
	if err != nil {
		c.err = err
		return
	}
	tick := time.NewTicker(checkLook)
	defer tick.Stop()
	for {
		var all bool
		if c.answer, all = compared(s.host.Status(), a.Position); all {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// compared is what the members told of one position; all says that none is missing.
func compared(n node.Status, at raft.Position) (r *pb.CheckResponse, all bool) {
	r, all = &pb.CheckResponse{Ok: true, Position: uint64(at)}, true
	told := 0
	var first string
	for _, m := range n.Members {
		h := &pb.NodeHash{Id: uint64(m.ID)}
		for _, mark := range n.Marks {
			if mark.Who == m.ID && raft.Position(mark.Index) == at {
				h.Position, h.Hash = uint64(at), mark.Hash.String()
			}
		}
		r.Nodes = append(r.Nodes, h)
		if h.Hash == "" {
			all = false
			continue
		}
		told++
		first = cmp.Or(first, h.Hash)
		r.Ok = r.Ok && h.Hash == first
	}
	slices.SortFunc(r.Nodes, func(a, b *pb.NodeHash) int { return cmp.Compare(a.GetId(), b.GetId()) })
	r.Ok = r.Ok && 2*told > len(n.Members)
	return r, all
}

// RotateKey draws another key. A repetition under the same request id is the same command, whatever key was drawn.
func (s *operators) RotateKey(ctx context.Context, r *pb.RotateKeyRequest) (*pb.RotateKeyResponse, error) {
	key := auth.NewSecret()
	c := &account.RotateKey{Key: key[:], Keep: s.lifetime}
	said := "keep"
	if r.GetNow() {
		c.Keep, said = 0, "now"
	}
	at, err := s.proposeSaid(ctx, r.GetCommand(), c, &account.Done{}, said)
	if err != nil {
		return nil, err
	}
	_ = s.keys.refresh(ctx, node.Stale) // the duties do it as well, a moment later
	return &pb.RotateKeyResponse{Position: uint64(at)}, nil
}

// ListAudit reads the audit log. That it is read from somewhere on is written down, that it is read on is not.
func (s *operators) ListAudit(ctx context.Context, r *pb.ListAuditRequest) (*pb.ListAuditResponse, error) {
	position, number, err := auditFrom(r.GetCursor())
	if err != nil {
		return nil, err
	}
	if r.GetCursor() == "" {
		position = raft.Position(r.GetFrom())
		if err := s.operate(ctx, account.DeedExport, "", ""); err != nil {
			return nil, err
		}
	}
	var page account.AuditPage
	at, err := s.askLong(ctx, r.GetConsistency(), &account.Audit{Position: position, Number: number, Limit: uint64(r.GetLimit())}, &page)
	if err != nil {
		return nil, err
	}
	answer := &pb.ListAuditResponse{Position: uint64(at)}
	for i := range page.Records {
		answer.Records = append(answer.Records, convert.AuditRecord(&page.Records[i]))
	}
	if page.More {
		last := page.Records[len(page.Records)-1]
		answer.NextCursor = auditCursor(last.Position, last.Number+1)
	}
	return answer, nil
}

func (s *operators) SetRetention(ctx context.Context, r *pb.SetRetentionRequest) (*pb.SetRetentionResponse, error) {
	c := &account.SetRetention{}
	for _, one := range []struct {
		field string
		value *uint64
		set   *bool
		to    *time.Duration
	}{{"messages", r.Messages, &c.SetMessages, &c.To.Messages}, {"files", r.Files, &c.SetFiles, &c.To.Files}, {"events", r.Events, &c.SetEvents, &c.To.Events}} {
		if one.value == nil {
			continue
		}
		if *one.value > retentionSecondsMax {
			return nil, convert.RejectionError(state.Invalidf(one.field, "RETENTION_INVALID", "Things are kept for at most 100 years, or for ever (0)."))
		}
		*one.set, *one.to = true, time.Duration(*one.value)*time.Second
	}
	var kept account.Kept
	at, err := s.propose(ctx, r.GetCommand(), c, &kept)
	if err != nil {
		return nil, err
	}
	return &pb.SetRetentionResponse{Retention: convert.Retention(&kept.Retention), Position: uint64(at)}, nil
}

func (s *operators) GetRetention(ctx context.Context, r *pb.GetRetentionRequest) (*pb.GetRetentionResponse, error) {
	var kept account.Kept
	at, err := s.ask(ctx, r.GetConsistency(), &account.RetentionOf{}, &kept)
	if err != nil {
		return nil, err
	}
	return &pb.GetRetentionResponse{Retention: convert.Retention(&kept.Retention), Position: uint64(at)}, nil
}

// operate writes down what an admin of the cluster is about to have done, and refuses everybody else. Only the leader can.
func (e *edge) operate(ctx context.Context, deed account.Deed, object, detail string) error {
	c := &account.Operate{Deed: deed, Object: clean(object), Detail: clean(detail)}
	// A client that is told to try again does so at once: within a minute that is one deed.
	id := fmt.Sprintf("deed %x", sha256.Sum256(fmt.Appendf(state.Append(nil, c), "%d %d", actorOf(ctx).head.Login, e.now().Unix()/60)))
	_, err := e.propose(ctx, &pb.CommandContext{RequestId: id}, c, &account.Done{})
	return err
}

// clean makes one line of what a caller wrote, for the audit log.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text)
}
