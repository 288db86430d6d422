package client

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine"
)

// R70: everything that happens, once and in order, over nodes that are cut off one after the other.
func TestR70_AWatchSeesEveryMessageOnceOverNodesThatAreCutOff(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	alice, bob := c.client(Config{}), c.as("bob", Config{})
	beginning := raft.Position(0)
	var got []string
	last := uint64(0)
	sent := 0
	next := func() string {
		sent++
		text := fmt.Sprint("message ", sent)
		_, err := alice.Send(t.Context(), "general", text)
		require.NoError(t, err)
		return text
	}
	waitFor := next()
	cut := -1
	for frame, err := range bob.Watch(t.Context(), WatchOptions{StreamOptions: StreamOptions{From: &beginning}}) {
		require.NoError(t, err)
		require.Greater(t, frame.GetPosition(), last)
		last = frame.GetPosition()
		for _, e := range frame.GetEvents() {
			if m := e.GetMessage(); m != nil {
				got = append(got, m.GetText())
			}
		}
		if len(got) == 0 || got[len(got)-1] != waitFor {
			continue
		}
		if sent == 4 {
			break
		}
		if cut >= 0 {
			c.heal(cut)
		}
		cut = c.leader()
		c.cut(cut)
		waitFor = next()
	}
	require.Equal(t, []string{"message 1", "message 2", "message 3", "message 4"}, got)
}

// R71: what is no longer kept is said, with where to go on, and not passed over.
func TestR71_AWatchFromWhatIsNoLongerKeptSaysSo(t *testing.T) {
	limits := statemachine.DefaultLimits()
	limits.EventsMax = 3
	c := startCluster(t, limits)
	cl := c.client(Config{})
	for i := range 10 {
		_, err := cl.Send(t.Context(), "general", fmt.Sprint(i))
		require.NoError(t, err)
	}
	beginning := raft.Position(1)
	for _, err := range cl.Watch(t.Context(), WatchOptions{StreamOptions: StreamOptions{From: &beginning}}) {
		e := failedAs(err)
		require.NotNil(t, e, "%v", err)
		require.Equal(t, ReasonCompacted, e.Reason)
		require.NotZero(t, e.Position)
	}
}

// A filter by place and by topic shows no more, and says what is no place.
func TestAWatchShowsThePlacesAndTopicsThatAreAskedFor(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	beginning := raft.Position(0)
	o := WatchOptions{Places: []string{"#tech"}, Topics: []pb.Topic{pb.Topic_TOPIC_MESSAGES}, StreamOptions: StreamOptions{From: &beginning}}
	for _, place := range []string{"#general", "@bob", "#random", "#tech"} {
		_, err := cl.Send(t.Context(), place, "to "+place)
		require.NoError(t, err)
	}
	for frame, err := range cl.Watch(t.Context(), o) {
		require.NoError(t, err)
		for _, e := range frame.GetEvents() {
			if e.GetMessage() != nil {
				require.Equal(t, "to #tech", e.GetMessage().GetText())
			}
		}
		if frame.GetEvents()[0].GetMessage() != nil {
			break
		}
	}
}

// What the cluster says for good no other node is asked about, and nobody is told of a trouble that there is not.
func TestAStreamOfWhatIsNoPlaceIsRefusedByTheFirstNode(t *testing.T) {
	c := startCluster(t, statemachine.DefaultLimits())
	cl := c.client(Config{})
	beginning := raft.Position(0)
	o := StreamOptions{From: &beginning, OnTrouble: func(err error) { t.Errorf("told of %v", err) }}
	refused := func(err error) string {
		require.Error(t, err)
		return failedAs(err).Reason
	}
	for _, w := range []struct {
		places []string
		reason string
	}{{[]string{"#nowhere"}, "CHANNEL_NOT_FOUND"}, {[]string{"#general", "@nobody"}, "USER_NOT_FOUND"}, {make([]string, 1000), "FIELD_INVALID"}} {
		for _, err := range cl.Watch(t.Context(), WatchOptions{Places: w.places, StreamOptions: o}) {
			require.Equal(t, w.reason, refused(err))
		}
	}
	for _, err := range cl.Tail(t.Context(), TailOptions{Place: "#nowhere", StreamOptions: o}) {
		require.Equal(t, "CHANNEL_NOT_FOUND", refused(err))
	}
}
