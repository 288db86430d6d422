package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc/codes"

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
