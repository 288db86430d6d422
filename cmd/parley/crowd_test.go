package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"

	"parley/rpc/client"
	pb "parley/rpc/proto/parley/v1"
)

// Twenty people write, and the leader is killed in the middle of it. At stake is a message that was acknowledged and is gone, that
// is there twice, or that stands before what its sender wrote before it.
func TestR27_AThousandSendsOfTwentyClientsSurviveTheLeader(t *testing.T) {
	t.Parallel()
	c := ownCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const clients, each = 20, 50
	var sent atomic.Int64
	half := make(chan struct{})
	acked := make([][]uint64, clients)
	var all sync.WaitGroup
	for i := range clients {
		cl, err := client.New(client.Config{Addrs: c.addrs})
		require.NoError(t, err)
		defer cl.Close()
		name := []string{"alice", "bob", "charlie"}[i%3]
		_, err = cl.LogIn(ctx, name, name+"123")
		require.NoError(t, err)
		all.Go(func() {
			for j := range each {
				r, err := cl.Send(ctx, "general", fmt.Sprintf("client %d, message %d", i, j))
				if err != nil {
					t.Errorf("client %d, message %d: %v", i, j, err)
					return
				}
				acked[i] = append(acked[i], r.GetPosition())
				if sent.Add(1) == clients*each/2 {
					close(half)
				}
			}
		})
	}
	select {
	case <-half:
		c.kill(t, c.leader)
	case <-ctx.Done():
	}
	all.Wait()

	reader, err := client.New(client.Config{Addrs: c.addrs})
	require.NoError(t, err)
	defer reader.Close()
	_, err = reader.LogIn(ctx, "alice", "alice123")
	require.NoError(t, err)
	at := make(map[string][]uint64)
	for after := uint64(0); ; {
		page, err := reader.History(ctx, &pb.HistoryRequest{Place: "general", After: proto.Uint64(after), Limit: 300})
		require.NoError(t, err)
		for _, m := range page.GetMessages() {
			require.Greater(t, m.GetPosition(), after)
			after = m.GetPosition()
			at[m.GetText()] = append(at[m.GetText()], after)
		}
		if !page.GetMore() {
			break
		}
	}
	require.Len(t, at, clients*each)
	for i := range clients {
		require.Len(t, acked[i], each)
		for j := range each {
			text := fmt.Sprintf("client %d, message %d", i, j)
			require.Equal(t, []uint64{acked[i][j]}, at[text], text)
			if j > 0 {
				require.Greater(t, acked[i][j], acked[i][j-1], text)
			}
		}
	}
}
