package client

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// Importers repeat batches whose answers got lost, beside single sends in the same session. At stake is a message that is there
// twice, or not.
func TestR28_BatchesWhoseAnswersGetLostAreStoredOnce(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	var lost atomic.Int64
	lose := func(ctx context.Context, method string, req, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
		err := invoke(ctx, method, req, reply, conn, opts...)
		if err == nil && method == pb.ChatService_SendBatch_FullMethodName && lost.Add(1)%2 == 1 {
			return status.Error(codes.Unavailable, "lost on the way back")
		}
		return err
	}
	cl := c.client(Config{Dial: []grpc.DialOption{grpc.WithUnaryInterceptor(lose)}})
	var all sync.WaitGroup
	want := make(map[string]bool)
	for b := range 6 {
		var batch []*pb.BatchMessage
		for i := range 100 {
			text := fmt.Sprintf("batch %d, message %d", b, i)
			batch = append(batch, &pb.BatchMessage{Place: "general", Text: text})
			want[text] = true
		}
		batch = append(batch, &pb.BatchMessage{Place: "general", Text: " "}, &pb.BatchMessage{Place: "nowhere", Text: "x"})
		want[fmt.Sprint("single ", b)] = true
		all.Go(func() {
			r, err := cl.SendBatch(t.Context(), batch)
			if err != nil {
				t.Error(err)
				return
			}
			var last uint64
			for i, o := range r.GetOutcomes() {
				switch {
				case i < 100 && (o.GetSent() == nil || o.GetSent().GetPosition() <= last):
					t.Errorf("message %d: %v", i, o)
				case i == 100 && o.GetRefused().GetReason() != "TEXT_EMPTY", i == 101 && o.GetRefused().GetReason() != "CHANNEL_NOT_FOUND":
					t.Errorf("message %d: %v", i, o)
				}
				last = o.GetSent().GetPosition()
			}
		})
		all.Go(func() {
			if _, err := cl.Send(t.Context(), "general", fmt.Sprint("single ", b)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.GreaterOrEqual(t, lost.Load(), int64(6))
	got := texts(t, cl)
	require.Len(t, got, len(want))
	for _, text := range got {
		require.True(t, want[text], text)
		delete(want, text)
	}
	for _, n := range []int{0, BatchMax + 1} {
		_, err := cl.SendBatch(t.Context(), make([]*pb.BatchMessage, n))
		require.Equal(t, "FIELD_INVALID", failedAs(err).Reason)
	}
}
