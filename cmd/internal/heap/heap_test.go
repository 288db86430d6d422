package heap

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// churned keeps what is allocated on the heap.
var churned []byte

// collections counts how often Go collects while so much is allocated and forgotten.
func collections(bytes int) uint32 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range bytes >> 10 {
		churned = make([]byte, 1<<10)
	}
	runtime.ReadMemStats(&after)
	return after.NumGC - before.NumGC
}

// A node that collects forty times a second while nothing is in it wastes an eighth of its processor.
func TestASmallHeapIsCollectedSeldomOnceThereIsRoom(t *testing.T) {
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	const churn = ReservedBytes
	before := collections(churn)
	require.True(t, Reserve(1))
	t.Cleanup(func() { reserved = nil })
	after := collections(churn)
	require.Greater(t, before, 4*after)
}

// What is reserved and never written takes no memory: a node in a small container starts all the same.
func TestWhatIsReservedIsNotResident(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	t.Setenv("GOGC", "")
	t.Setenv("GOMEMLIMIT", "")
	before := resident(t)
	require.True(t, Reserve(4))
	t.Cleanup(func() { reserved = nil })
	require.Less(t, resident(t)-before, ReservedBytes)
}

// resident returns the bytes of the process that are in memory.
func resident(t *testing.T) int {
	b, err := os.ReadFile("/proc/self/statm")
	require.NoError(t, err)
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	require.NoError(t, err)
	return pages * os.Getpagesize()
}

func TestWhoTellsGoWhenToCollectIsLeftAlone(t *testing.T) {
	for _, said := range []string{"GOGC", "GOMEMLIMIT"} {
		t.Run(said, func(t *testing.T) {
			t.Setenv("GOGC", "")
			t.Setenv("GOMEMLIMIT", "")
			t.Setenv(said, "200")
			require.False(t, Reserve(1))
			require.Nil(t, reserved)
		})
	}
}
