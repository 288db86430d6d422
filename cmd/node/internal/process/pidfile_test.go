package process

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// A number that was left behind may be anybody's by now; at stake is a signal to
// a stranger.
func TestOnlyALockedPidFileIsALivingProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid")
	_, alive := Running(path)
	require.False(t, alive, "no file")

	require.NoError(t, os.WriteFile(path, []byte("1\n"), 0o600))
	_, alive = Running(path)
	require.False(t, alive, "a number that nobody holds")

	claim, err := Claim(path)
	require.NoError(t, err)
	pid, alive := Running(path)
	require.True(t, alive)
	require.Equal(t, os.Getpid(), pid)
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, strconv.Itoa(os.Getpid())+"\n", string(data), "what cat shows is the number alone")

	_, err = Claim(path)
	var inUse *InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, os.Getpid(), inUse.Pid)

	claim.Release()
	_, alive = Running(path)
	require.False(t, alive)
	claim, err = Claim(path)
	require.NoError(t, err)
	claim.Release()
}
