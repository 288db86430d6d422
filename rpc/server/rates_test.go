package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

	"parley/rpc/auth"
	pb "parley/rpc/proto/parley/v1"
)

// A script that runs wild is told when to go on, and others do not notice it.
func TestWhoAsksTooOftenIsRefusedAndNobodyElse(t *testing.T) {
	c := startCluster(t, 1, Config{BcryptCost: 4, Loopback: true, Rates: Rates{
		Calls: 50, CallsEvery: time.Hour, Messages: 10, MessagesEvery: time.Hour, Makes: 2, MakesEvery: time.Hour, Strangers: 10, StrangersEvery: time.Hour}})
	ann, bob := c.signUp("ann"), c.signUp("bob")
	for range 10 {
		ann.send("general", "again")
	}
	_, err := ann.chat().Send(ann.ctx(), &pb.SendRequest{Command: once(), Place: "general", Text: "once more"})
	require.Positive(t, refused(t, err, codes.ResourceExhausted, "RATE_LIMITED").Retry)
	bob.send("general", "as ever")

	make := func(u *user, name string) error {
		_, err := u.channel().CreateChannel(u.ctx(), &pb.CreateChannelRequest{Command: once(), Name: name})
		return err
	}
	require.NoError(t, make(ann, "one"))
	refused(t, make(ann, "general"), codes.AlreadyExists, "CHANNEL_NAME_TAKEN")
	refused(t, make(ann, "two"), codes.ResourceExhausted, "RATE_LIMITED")

	batch := &pb.SendBatchRequest{Command: &pb.CommandContext{Session: 1, Seq: 1}}
	for i := range 11 {
		batch.Messages = append(batch.Messages, &pb.BatchMessage{Place: "general", Text: fmt.Sprint(i)})
	}
	_, err = bob.chat().SendBatch(bob.ctx(), batch)
	refused(t, err, codes.InvalidArgument, "TOO_LARGE")
	batch.Messages = batch.Messages[:10]
	_, err = bob.chat().SendBatch(bob.ctx(), batch)
	refused(t, err, codes.ResourceExhausted, "RATE_LIMITED")

	for err = nil; err == nil; {
		_, err = bob.account().WhoAmI(bob.ctx(), &pb.WhoAmIRequest{})
	}
	refused(t, err, codes.ResourceExhausted, "RATE_LIMITED")
	require.NotEmpty(t, ann.texts("general"))

	for err = nil; err == nil; { // from one address, without a login
		_, err = c.nobody().session().Open(t.Context(), &pb.OpenRequest{Nonce: 1})
	}
	refused(t, err, codes.ResourceExhausted, "RATE_LIMITED")
	_, err = c.nobody().tryLogIn("x")
	refused(t, err, codes.ResourceExhausted, "RATE_LIMITED")
	require.NotEmpty(t, ann.texts("general"), "who is logged in does not notice it")
}

// Whoever reaches a node from another machine is bounded as a person is; on the node's own machine nothing slows a program that
// measures or imports, but what tells of hidden channels.
func TestTheRatesOfATeamHoldWhereOthersReachTheNode(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, loopback := range []bool{true, false} {
		r, err := newRates(Rates{}, loopback, func() time.Time { return now })
		require.NoError(t, err)
		all := func(what *auth.Rates, n int) (taken int) {
			for range n {
				if what.Allow("user_1", 1) == nil {
					taken++
				}
			}
			return taken
		}
		require.Equal(t, map[bool]int{true: 20_000, false: 1000}[loopback], all(r.messages, 20_000))
		require.Equal(t, map[bool]int{true: 20_000, false: 5000}[loopback], all(r.calls, 20_000))
		require.Equal(t, 100, all(r.makes, 1000))
		require.Equal(t, 10, all(r.notices, 1000))
	}
}
