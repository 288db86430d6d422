package server

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"parley/raft"
	"parley/raft/host"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// edge is what all services share: the way of a command and of a query from a call to the host and back.
//
//	request ─▶ command ─▶ Check ─▶ head: login, proof, clock ─▶ host.Do ─▶ reply ─▶ response, or the error for it
type edge struct {
	host     *host.Host
	limits   statemachine.Limits
	now      func() time.Time
	loopback bool // every listener of this process is on loopback
	policy   auth.Policy
	door     auth.Door
	keys     *keys
	rates    *rates
	streams  *streams
	denials  *denials
	ready    *ready
	calls    *counts // unary ones under way, by user

	demoDue atomic.Bool // the users of dev mode are to be made, and nobody has tried yet
}

// head is what a command or query of this call begins with.
func (e *edge) head(ctx context.Context) state.Head {
	h := actorOf(ctx).head
	h.Wall = raft.Wall(e.now().UnixNano())
	return h
}

// propose has a command carried out for whoever calls, exactly once, and decodes its reply into answer. All of
// the command is what the caller wrote, so that its own bytes tell whether a repetition says the same.
func (e *edge) propose(ctx context.Context, cc *pb.CommandContext, c state.Command, answer state.Coded) (raft.Position, error) {
	var said []string
	if cc.GetRequestId() != "" { // in a session the number says which command it is
		said = []string{string(state.Append(nil, c))}
	}
	return e.proposeSaid(ctx, cc, c, answer, said...)
}

// proposeSaid is propose for a command that holds more than the caller wrote, or less: said is what he did,
// without passwords and what was made here.
func (e *edge) proposeSaid(ctx context.Context, cc *pb.CommandContext, c state.Command, answer state.Coded, said ...string) (raft.Position, error) {
	if refusal := c.Check(&e.limits); refusal != nil {
		return 0, convert.RejectionError(refusal) // Apply would say the same, on every node and from the log
	}
	command, err := e.commandOf(ctx, cc, c, said)
	if err != nil {
		return 0, err
	}
	command.Body = commandBody(e.head(ctx), c)
	a, err := do(ctx, e.host, node.Event{Kind: node.EventCommand, Command: command})
	if err != nil {
		return 0, err
	}
	return a.Position, decode(a, answer)
}

// commandOf returns the command that a context stands for, without its body.
func (e *edge) commandOf(ctx context.Context, cc *pb.CommandContext, c state.Command, said []string) (node.Command, error) {
	who := actorOf(ctx).principal
	switch id := cc.GetRequestId(); {
	case id == "" && (cc.GetSession() == 0 || cc.GetSeq() == 0):
		return node.Command{}, fieldError("command", "The command needs a session (SessionService.Open) and a seq from 1 on, or a request_id.")
	case id == "":
		return node.Command{Session: node.SessionID(cc.GetSession()), Seq: cc.GetSeq(), AckedBelow: cc.GetAckedBelow(), Principal: who, Owned: true}, nil
	case cc.GetSession() != 0 || cc.GetSeq() != 0 || cc.GetAckedBelow() != 0:
		return node.Command{}, fieldError("command", "The command has a request_id and a session: it is either in a session or not.")
	case len(id) > requestIDBytesMax || !utf8.ValidString(id):
		return node.Command{}, fieldError("command.request_id", "A request_id has at most "+strconv.Itoa(requestIDBytesMax)+" bytes of UTF-8.")
	case who == "" && len(id) < anonymousIDBytesMin:
		return node.Command{}, fieldError("command.request_id", "Without a login a request_id is random, and has "+strconv.Itoa(anonymousIDBytesMin)+" characters or more.")
	default:
		return node.Command{Principal: who, RequestID: id, Digest: node.DigestOf("command "+strconv.Itoa(int(c.Kind())), said...)}, nil
	}
}

// fieldError refuses a request for one of its fields.
func fieldError(field, text string) error {
	return convert.RejectionError(state.Invalidf(field, "FIELD_INVALID", "%s", text))
}

// ask has a query answered for whoever calls.
func (e *edge) ask(ctx context.Context, c pb.Consistency, q state.Query, answer state.Coded) (raft.Position, error) {
	return e.query(ctx, c, q, answer, false)
}

// askLong is ask for a query that may take long: it is answered where it does not hold the node up.
func (e *edge) askLong(ctx context.Context, c pb.Consistency, q state.Query, answer state.Coded) (raft.Position, error) {
	return e.query(ctx, c, q, answer, true)
}

func (e *edge) query(ctx context.Context, c pb.Consistency, q state.Query, answer state.Coded, off bool) (raft.Position, error) {
	consistency, err := consistencyOf(c)
	if err != nil {
		return 0, err
	}
	h := e.head(ctx)
	query := node.Query{Consistency: consistency, Body: queryBody(h, q), Off: off}
	a, err := do(ctx, e.host, node.Event{Kind: node.EventQuery, Query: query})
	if err != nil {
		return 0, err
	}
	err = decode(a, answer)
	if convert.ParseError(err).Reason == reasonLoginEnded && raft.Position(h.Login) > a.Position {
		// This node has not come as far as where the login began. A read that waits for it tells.
		query.Consistency = node.Linearizable
		if a, err = do(ctx, e.host, node.Event{Kind: node.EventQuery, Query: query}); err == nil {
			err = decode(a, answer)
		}
	}
	return a.Position, err
}

// reasonLoginEnded is what a login gets that is unknown, ended or forged.
const reasonLoginEnded = "LOGIN_ENDED"

func consistencyOf(c pb.Consistency) (node.Consistency, error) {
	switch c {
	case pb.Consistency_CONSISTENCY_UNSPECIFIED, pb.Consistency_CONSISTENCY_LINEARIZABLE:
		return node.Linearizable, nil
	case pb.Consistency_CONSISTENCY_STALE:
		return node.Stale, nil
	}
	return 0, fieldError("consistency", "There is no such consistency.")
}

// decode reads a reply of the state machine.
func decode(a node.Answer, answer state.Coded) error {
	err := state.DecodeReply(a.Reply, answer)
	if refusal, ok := errors.AsType[*state.Refusal](err); ok {
		return convert.RefusalError(refusal, a.Position)
	}
	if err != nil {
		return convert.VersionError(err)
	}
	return nil
}

// refuse returns the error of what rpc/auth refused, or of a context that ended.
func refuse(err error) error {
	if refusal, ok := errors.AsType[*auth.Refusal](err); ok {
		return convert.AuthError(refusal)
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return convert.ContextError(err)
	}
	return err // made by this package already
}

// do has the host carry out an event. An answer other than Done comes back as
// the error that the wire has for it.
func do(ctx context.Context, h *host.Host, e node.Event) (node.Answer, error) {
	a, err := h.Do(ctx, e)
	switch {
	case err != nil:
		return a, convert.ContextError(err)
	case a.Outcome != node.Done:
		return a, convert.AnswerError(a, clientAddr(h, a.Hint))
	}
	return a, nil
}

// own is the context of a command that a read makes: it is done once for each time that somebody reads.
func (e *edge) own() *pb.CommandContext { return &pb.CommandContext{RequestId: rand.Text()} }

// governs says whether the caller is an admin of the cluster, as far as can be told: what he may do is judged anew where
// it is done.
func (e *edge) governs(ctx context.Context) bool {
	var me account.Me
	_, err := e.ask(ctx, pb.Consistency_CONSISTENCY_STALE, &account.WhoAmI{}, &me)
	return err == nil && me.Person.Admin
}
