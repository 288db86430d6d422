package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/auth"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// duties are what a node's server does unasked. All of it compares what is with what should be, and is repeated: nothing
// hangs on any time that it is done.
//
//	every node     the keys of tokens as the state has them; who has a stream here, told to all; its file with the first
//	               admin's token, once that is good for nothing
//	the leader     the cluster's first decisions, its first admin's token, the users of dev mode, nodes that are gone
type duties struct {
	*edge
	cfg  Config
	log  *slog.Logger
	quit chan struct{}
	done chan struct{}

	seen map[raft.NodeID]time.Time // by the leader, of every node
	term raft.Term                 // in which it is looking
	told string                    // what went wrong last, so that it is said once
	demo bool                      // the users of dev mode were seen
	used bool                      // the first admin's token was, and the file is gone

	ticket *auth.Ticket // of the first admin, of which it is not known whether the cluster has its hash
}

func newDuties(e *edge, cfg Config) *duties {
	return &duties{edge: e, cfg: cfg, log: cfg.Logger, quit: make(chan struct{}), done: make(chan struct{})}
}

// run does them until stop.
func (d *duties) run() {
	defer close(d.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		<-d.quit
		cancel()
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if err := d.round(ctx); err != nil && ctx.Err() == nil {
			d.tell(err)
		}
		timer.Reset(d.pause())
		select {
		case <-timer.C:
		case <-d.streams.stir:
		case <-d.quit:
			return
		}
	}
}

// pause is how long the next round can wait: less as long as nobody can log in, because somebody waits for that.
func (d *duties) pause() time.Duration {
	if !d.keys.any() || d.cfg.DemoUsers && !d.demo {
		return dutyHaste
	}
	return dutyEvery
}

func (d *duties) stop() {
	close(d.quit)
	<-d.done
}

// tell logs what went wrong, unless it was said already.
func (d *duties) tell(err error) {
	if text := err.Error(); text != d.told {
		d.told = text
		d.log.Warn("a duty waits", "error", text)
	}
}

// round does once what is to be done.
func (d *duties) round(ctx context.Context) error {
	s := d.host.Status()
	if s.Cluster == 0 || s.Level < node.LevelTeam {
		return nil // every node runs a release with accounts before there is one
	}
	ctx, cancel := context.WithTimeout(ctx, dutyMax)
	defer cancel()
	var spent error
	if d.cfg.DemoUsers && !d.demo || d.cfg.Token != nil && !d.used {
		var edge account.Edge
		_, err := d.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &account.EdgeState{}, &edge)
		if d.demo = err == nil && edge.Demo; d.demo {
			d.demoDue.Store(false)
		}
		if d.cfg.Token != nil && err == nil && edge.Admins > 0 { // for good: the last admin stays one
			spent = d.cfg.Token.Remove() // whoever left it may lead no longer
			d.used = spent == nil
		}
	}
	err := errors.Join(spent, d.keys.refresh(ctx, node.Stale))
	if errors.Is(err, errNotAnswered) {
		return nil // it will
	}
	if s.Role == raft.Leader {
		err = errors.Join(err, d.lead(ctx), d.missing(ctx, &s))
	}
	return errors.Join(err, d.present(ctx, s.Self.ID))
}

// lead sees to what the cluster is to have from its first day.
func (d *duties) lead(ctx context.Context) error {
	var edge account.Edge
	if _, err := d.ask(ctx, 0, &account.EdgeState{}, &edge); err != nil {
		return fmt.Errorf("read the cluster's settings: %w", err)
	}
	switch {
	case edge.SignUp == 0:
		return d.bootstrap(ctx)
	case d.cfg.DemoUsers && !edge.Demo:
		return d.demoUsers(ctx)
	case edge.Admins == 0 && edge.Offer == ([32]byte{}) && !d.cfg.DemoUsers:
		return d.offer(ctx)
	}
	return nil
}

// bootstrap makes the first decisions: a key that signs tokens, who may sign up, and who will be the first admin.
func (d *duties) bootstrap(ctx context.Context) error {
	key := auth.NewSecret()
	c := &account.Bootstrap{Key: key[:], SignUp: d.cfg.SignUp}
	if d.cfg.Token != nil && !d.cfg.DemoUsers {
		hash, err := d.newToken()
		if err != nil {
			return err
		}
		c.Offer = hash
	}
	return errors.Join(d.orderToken(ctx, c, &account.Done{}), d.keys.refresh(ctx, node.Stale))
}

// offer leaves another token for the first admin, when the one before was lost or its day is over.
func (d *duties) offer(ctx context.Context) error {
	if d.cfg.Token == nil {
		return nil
	}
	hash, err := d.newToken()
	if err != nil {
		return err
	}
	return d.orderToken(ctx, &account.OfferAdmin{Hash: hash}, &account.Until{})
}

// newToken draws a token and leaves it where the operator finds it, before the cluster hears of its hash. As long as it
// is not known whether the cluster has, it is the same: the one of a command that comes late must not be lost.
func (d *duties) newToken() ([32]byte, error) {
	if d.ticket == nil {
		ticket := auth.NewTicket(auth.Bootstrap)
		d.ticket = &ticket
	}
	if err := d.cfg.Token.Write(d.ticket.Text()); err != nil {
		return [32]byte{}, fmt.Errorf("leave the token of the first admin: %w", err)
	}
	return [32]byte(d.ticket.Hash()), nil
}

// orderToken is order for a command with the token's hash: once it was answered the next token is another.
func (d *duties) orderToken(ctx context.Context, c state.Command, answer state.Coded) error {
	settled, err := d.order(ctx, c, answer)
	if settled {
		d.ticket = nil
	}
	return err
}

// demoPasswords are those of the users of dev mode, in the order of account.DemoUsers: everybody knows them.
var demoPasswords = [...]string{"alice123", "bob123", "charlie123"}

func (d *duties) demoUsers(ctx context.Context) error {
	if !d.loopback {
		return errors.New("the users of dev mode are refused where a listener is off loopback")
	}
	c := &account.DemoUsers{}
	for i, password := range demoPasswords {
		var err error
		if c.Hashes[i], err = d.door.Hasher.Hash(ctx, password); err != nil {
			return fmt.Errorf("hash the passwords of dev mode: %w", err)
		}
	}
	settled, err := d.order(ctx, c, &account.Done{})
	if settled { // also if they can't be made, as somebody has the name of one
		d.demoDue.Store(false)
	}
	return err
}

// order has a command carried out in the server's own name. What another leader did first is done. settled says that
// nothing more comes of it.
func (d *duties) order(ctx context.Context, c state.Command, answer state.Coded) (settled bool, err error) {
	h := state.Head{Wall: raft.Wall(d.now().UnixNano())}
	a, err := d.host.Do(ctx, node.Event{Kind: node.EventCommand, Command: node.Command{
		RequestID: rand.Text(), Body: statemachine.AppendCommand(nil, h, c)}})
	if err != nil || a.Outcome != node.Done {
		return false, err // another round finds out what came of it
	}
	err = state.DecodeReply(a.Reply, answer)
	if refusal, ok := errors.AsType[*state.Refusal](err); ok && (refusal.Code == state.Exists || refusal.Code == state.Precondition) {
		return true, nil
	}
	return true, err
}
