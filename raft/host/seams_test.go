package host_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"parley/raft"
	"parley/raft/node"
)

// An importer's messages stand in the log in the order in which he gave them.
func TestEventsThatAreHandedInTogetherAreTakenInTheirOrder(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("first")
		h := c.hosts[1]
		a, err := h.Do(context.Background(), node.Event{Kind: node.EventOpenSession, Command: node.Command{Nonce: 9}})
		require.NoError(t, err)
		var events []node.Event
		for i := range 100 {
			events = append(events, node.Event{Kind: node.EventCommand, Command: node.Command{Session: a.Session, Seq: uint64(i + 1), Body: fmt.Append(nil, i)}})
		}
		answers, err := h.DoAll(context.Background(), events)
		require.NoError(t, err)
		for i := range answers {
			require.Equal(t, node.Done, answers[i].Outcome)
			require.Equal(t, answers[0].Position+raft.Position(i), answers[i].Position)
		}
		c.stop(1)
		answers, err = h.DoAll(context.Background(), events)
		require.NoError(t, err)
		for i := range answers {
			require.Equal(t, node.CodeStopping, answers[i].Code)
		}
	})
}

// A caller who gives up gives every slot back.
func TestWhoGivesUpOnManyEventsLeavesRoomForOthers(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.startAll()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		events := make([]node.Event, 1000)
		for range 50 { // three times as many as may wait at once
			for i := range events {
				events[i] = node.Event{Kind: node.EventQuery, Query: node.Query{Consistency: node.Stale, Body: []byte("all")}}
			}
			answers, err := c.hosts[1].DoAll(ctx, events)
			require.Len(t, answers, len(events))
			if err != nil {
				require.ErrorIs(t, err, context.Canceled)
			}
		}
		c.put("there is room")
	})
}

// A query that takes long is answered from the state at its position, where it does not hold the node up.
func TestALongQueryIsAnsweredBesideTheLoop(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		for _, consistency := range []node.Consistency{node.Stale, node.Linearizable} {
			short, err := c.hosts[1].Do(context.Background(), node.Event{Kind: node.EventQuery, Query: node.Query{Consistency: consistency, Body: []byte("all")}})
			require.NoError(t, err)
			long, err := c.hosts[1].Do(context.Background(), node.Event{Kind: node.EventQuery, Query: node.Query{Consistency: consistency, Body: []byte("all"), Off: true}})
			require.NoError(t, err)
			require.Equal(t, short.Reply, long.Reply)
			require.Equal(t, short.Position, long.Position)
			require.Nil(t, long.View, "nobody outside has to know")
		}
	})
}

// What one node tells all hear.
func TestWhatAFollowersHostTellsEveryMachineHears(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.startAll()
		c.put("one")
		for _, id := range c.ids {
			c.await(func() bool { return c.hosts[id].Status().Level == node.LevelMax })
		}
		told := "one"
		for _, id := range c.ids {
			word := fmt.Sprint("told-by-", id)
			c.hosts[id].Tell([]byte(word))
			told += " " + word
			for _, other := range c.ids {
				c.await(func() bool { return c.stale(other) == told })
			}
		}
	})
}
