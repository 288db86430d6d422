package heap

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// next returns how large the heap may get before Go collects again.
func next() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.NextGC
}

// A node that collects forty times a second while nothing is in it wastes an eighth of its processor.
func TestASmallHeapIsCollectedSeldomOnceThereIsRoom(t *testing.T) {
	t.Setenv("GOGC", "")
	require.Less(t, next(), uint64(ReservedBytes))
	require.True(t, Reserve(1))
	t.Cleanup(func() { reserved = nil })
	require.GreaterOrEqual(t, next(), uint64(2*ReservedBytes))
}

// What is reserved and never written takes no memory: a node in a small container starts all the same.
func TestWhatIsReservedIsNotResident(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	t.Setenv("GOGC", "")
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

// Who says when Go is to collect knows better, and where memory is short nothing is set aside. A container of some size has both, a limit
// and room.
func TestNothingIsReservedByWhoSaysOtherwiseOrHasNoRoom(t *testing.T) {
	t.Setenv("GOGC", "200")
	require.False(t, Reserve(1))
	t.Setenv("GOGC", "")
	was := debug.SetMemoryLimit(limitLeast - 1)
	t.Cleanup(func() { debug.SetMemoryLimit(was); reserved = nil })
	require.False(t, Reserve(1))
	require.Nil(t, reserved)
	debug.SetMemoryLimit(limitLeast)
	require.True(t, Reserve(1))
	require.False(t, Reserve(2), "each of them")
}
