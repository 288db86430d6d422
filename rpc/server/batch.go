package server

import (
	"context"
	"errors"
	"fmt"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/chat"
	"parley/statemachine/state"
)

// SendBatch proposes all messages at once: each is an entry of its own, and they stand in the log in the order of
// their numbers, as the host takes what is handed to it in one go.
func (s *messages) SendBatch(ctx context.Context, r *pb.SendBatchRequest) (*pb.SendBatchResponse, error) {
	first, n := r.GetCommand(), len(r.GetMessages())
	switch {
	case n == 0 || n > batchMax:
		return nil, fieldError("messages", fmt.Sprintf("A batch has 1 to %d messages, and this has %d.", batchMax, n))
	case first.GetSession() == 0 || first.GetSeq() == 0 || first.GetRequestId() != "":
		return nil, fieldError("command", "A batch needs a session, and the number of its first message.")
	case first.GetSeq()+uint64(n) < first.GetSeq():
		return nil, fieldError("command.seq", "The numbers of the messages exceed the largest that there is.")
	}
	if err := s.rates.messages.Allow(actorOf(ctx).principal, n); err != nil {
		return nil, refuse(err)
	}
	b := batch{edge: s.edge, events: make([]node.Event, 0, n), places: make([]int, 0, n), outcomes: make([]*pb.SendOutcome, n), sent: make(convert.Outcomes, n)}
	for i, m := range r.GetMessages() {
		cc := &pb.CommandContext{Session: first.GetSession(), Seq: first.GetSeq() + uint64(i), AckedBelow: first.GetAckedBelow()}
		b.add(ctx, i, cc, &chat.Send{Place: m.GetPlace(), Text: m.GetText(), ReplyTo: m.GetReplyTo()})
	}
	return b.do(ctx)
}

// batch is the messages of one call on their way.
type batch struct {
	*edge
	events   []node.Event
	places   []int // of each event among the messages
	outcomes []*pb.SendOutcome
	sent     convert.Outcomes
	position uint64
}

// add takes a message in, or knows already what becomes of it.
func (b *batch) add(ctx context.Context, place int, cc *pb.CommandContext, c *chat.Send) {
	if refusal := c.Check(&b.limits); refusal != nil {
		b.outcomes[place] = refusedOutcome(refusal)
		return
	}
	b.places = append(b.places, place)
	b.events = append(b.events, node.Event{Kind: node.EventCommand, Command: node.Command{Session: node.SessionID(cc.GetSession()),
		Seq: cc.GetSeq(), AckedBelow: cc.GetAckedBelow(), Principal: actorOf(ctx).principal, Owned: true,
		Body: commandBody(b.head(ctx), c)}})
}

// do proposes the messages. When something became of some and not of others, nothing is known of the batch as a whole
// but that it has to be repeated as it was.
func (b *batch) do(ctx context.Context) (*pb.SendBatchResponse, error) {
	answers, err := b.host.DoAll(ctx, b.events)
	if err != nil {
		return nil, convert.ContextError(err)
	}
	done, failed := 0, -1
	for i := range answers {
		if answers[i].Outcome == node.Done {
			done++
		} else if failed < 0 || answers[failed].Outcome == node.Refused {
			failed = i
		}
	}
	if failed >= 0 {
		a := answers[failed]
		if done > 0 {
			a.Outcome = node.Unknown
		}
		return nil, convert.AnswerError(a, clientAddr(b.host, a.Hint))
	}
	for i := range answers {
		if err := b.took(b.places[i], &answers[i]); err != nil {
			return nil, err
		}
	}
	return &pb.SendBatchResponse{Outcomes: b.outcomes, Position: b.position}, nil
}

// took takes down what became of a message.
func (b *batch) took(place int, a *node.Answer) error {
	var sent chat.Sent
	err := state.DecodeReply(a.Reply, &sent)
	if refusal, ok := errors.AsType[*state.Refusal](err); ok {
		b.outcomes[place] = refusedOutcome(refusal)
		b.position = max(b.position, uint64(a.Position))
		return nil
	}
	if err != nil {
		return convert.VersionError(err)
	}
	b.outcomes[place] = b.sent.Sent(place, &sent)
	b.position = max(b.position, uint64(sent.Position))
	return nil
}

func refusedOutcome(r *state.Refusal) *pb.SendOutcome {
	return &pb.SendOutcome{Outcome: &pb.SendOutcome_Refused{Refused: &pb.SendRefusal{Reason: r.Reason, Text: r.Text, Field: r.Field}}}
}
