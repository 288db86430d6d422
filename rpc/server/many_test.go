package server

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	pb "parley/rpc/proto/parley/v1"
)

// Every stream is at the leader, whose heartbeats keep it where it is. A stream that is forgotten, or told something
// twice, shows as a wrong list; a loop that is held up by so many shows as an election.
func TestR73_FiveThousandSubscribersHearEverythingAndNobodyIsElected(t *testing.T) {
	const (
		streams  = 5000
		people   = 50
		messages = 20
	)
	c := startCluster(t, 3, Config{})
	writer := c.signUp("writer")
	_, err := writer.channel().JoinChannel(writer.ctx(), &pb.JoinChannelRequest{Command: once(), Channel: "random"})
	require.NoError(t, err)
	var readers []*user
	for i := range people {
		readers = append(readers, c.signUp(fmt.Sprint("reader", i)))
	}
	leader := c.leader()
	term := c.hosts[leader].Status().Term

	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	var all sync.WaitGroup
	heard := make([][]string, streams)
	for i, reader := range readers {
		conn, err := grpc.NewClient(c.addrs[leader], grpc.WithTransportCredentials(insecure.NewCredentials()))
		require.NoError(t, err)
		defer conn.Close()
		as := metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+reader.token)
		for n := i; n < streams; n += people {
			s, err := pb.NewEventServiceClient(conn).Watch(as, &pb.WatchRequest{Places: []string{"#general"}, Topics: []pb.Topic{pb.Topic_TOPIC_MESSAGES}})
			require.NoError(t, err)
			_, err = s.Recv() // it stands
			require.NoError(t, err)
			all.Go(func() { heard[n] = hearMessages(s, messages) })
		}
	}
	require.Equal(t, streams, c.hosts[leader].Status().Subscribers)

	var want []string
	for n := range messages {
		text := fmt.Sprint("message ", n)
		writer.send("random", "of no interest to any of them")
		writer.send("general", text)
		want = append(want, text)
	}
	all.Wait()
	for n := range heard {
		require.Equal(t, want, heard[n], "stream %d", n)
	}
	require.Equal(t, term, c.hosts[leader].Status().Term, "nobody was elected")
}

// hearMessages reads so many messages, or until the stream ends.
func hearMessages(s grpc.ServerStreamingClient[pb.WatchResponse], count int) (texts []string) {
	for len(texts) < count {
		r, err := s.Recv()
		if err != nil {
			return append(texts, err.Error())
		}
		for _, f := range r.GetFrames() {
			for _, e := range f.GetEvents() {
				texts = append(texts, e.GetMessage().GetText())
			}
		}
	}
	return texts
}
