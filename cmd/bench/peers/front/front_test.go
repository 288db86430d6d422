package front

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"parley/cmd/bench/load"
	"parley/cmd/bench/peers/kv"
)

// locked is a map behind the front.
type locked struct {
	mu    sync.Mutex
	table kv.Table
}

func (l *locked) Put(_ context.Context, command []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.table.Apply(command)
	return nil
}

func (l *locked) Get(_ context.Context, key uint64) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.table.Get(key), nil
}

func TestWhatIsPutThroughTheFrontIsRead(t *testing.T) {
	m := &locked{table: kv.Table{}}
	s, err := Serve(func() kv.Session { return m }, NewFanout())
	require.NoError(t, err)
	defer s.Close()
	c, err := Dial(s.Addr(), 2)
	require.NoError(t, err)
	for key := range uint64(5) {
		require.NoError(t, c.Session(int(key)).Put(t.Context(), load.AppendPut(nil, key, 40)))
		value, err := c.Session(0).Get(t.Context(), key)
		require.NoError(t, err)
		require.Equal(t, load.AppendPut(nil, key, 40)[8:], value)
	}
	require.NoError(t, c.Close())
}

func TestEveryStreamHearsEveryMessageOnce(t *testing.T) {
	f := NewFanout()
	s, err := Serve(func() kv.Session { return Echo{} }, f)
	require.NoError(t, err)
	defer s.Close()
	c, err := Dial(s.Addr(), 3)
	require.NoError(t, err)
	const streams, messages = 30, 20
	l, err := c.Listen(t.Context(), streams, messages+1)
	require.NoError(t, err)
	for n := range messages {
		f.Publish(l.Message(n, 64))
	}
	require.Eventually(t, func() bool { return l.Got() == streams*messages }, 10*time.Second, time.Millisecond)
	all, latest, missing := l.Heard(0, messages+1)
	require.Equal(t, streams*messages, all.Count())
	require.Equal(t, messages+1, latest.Count())
	require.Equal(t, streams, missing, "the last was never published")
	require.NoError(t, c.Close())
}
