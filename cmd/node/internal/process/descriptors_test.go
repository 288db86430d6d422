package process

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientsGetTheFilesThatTheNodeDoesNotNeed(t *testing.T) {
	for _, c := range []struct {
		files   uint64
		clients int
	}{{256, 128}, {1000, 500}, {1024, 512}, {4096, 3584}, {65536, 65024}, {1<<63 - 1, 1 << 20}} {
		got, err := clientsWith(c.files)
		require.NoError(t, err)
		require.Equal(t, c.clients, got)
	}
	_, err := clientsWith(255)
	require.ErrorContains(t, err, "raise the limit")
}
