package bare

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A loop that applied nothing would be quick.
func TestAllFiveNodesApplyWhatIsProposed(t *testing.T) {
	l, err := New()
	require.NoError(t, err)
	require.NoError(t, l.Run(5*time.Second, 0)) // a leader is elected
	before := l.Applied
	require.Positive(t, before[0])
	require.NoError(t, l.Run(10*time.Minute, 10))
	for i := range l.Applied {
		require.EqualValues(t, 6000, l.Applied[i]-before[i])
	}
	require.Positive(t, l.nodes[0].kept-1, "the log was cut")
	require.Empty(t, l.pending)
}
