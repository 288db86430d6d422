package process

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSettingsComeBackAsTheyWereSaved(t *testing.T) {
	flags := Flags{Dir: t.TempDir(), ID: 2, ClientAddr: "127.0.0.1:2", PeerAddr: "127.0.0.1:12",
		Cluster: "2=127.0.0.1:12, 1=127.0.0.1:11,10=127.0.0.1:20"}
	s, saved, err := Resolve(flags)
	require.NoError(t, err)
	require.False(t, saved)
	require.Equal(t, "1=127.0.0.1:11,2=127.0.0.1:12,10=127.0.0.1:20", s.ClusterFlag(), "ordered by id")
	require.NoError(t, s.save(flags.Dir))

	for _, f := range []Flags{flags, {Dir: flags.Dir}, {Dir: flags.Dir, ID: 2}} {
		again, saved, err := Resolve(f)
		require.NoError(t, err)
		require.True(t, saved)
		s.Version = settingsVersion
		require.Equal(t, s, again)
	}
}

// The lease is no part of the membership: it comes and goes with the command line, and stays saved
// in between.
func TestTheLeaseMayChangeFromOneStartToTheNext(t *testing.T) {
	dir := t.TempDir()
	resolve := func(lease string) Settings {
		s, _, err := Resolve(Flags{Dir: dir, ID: 1, ClientAddr: "127.0.0.1:1", PeerAddr: "127.0.0.1:11", Cluster: "1=127.0.0.1:11", Lease: lease})
		require.NoError(t, err)
		require.NoError(t, s.save(dir))
		return s
	}
	require.Zero(t, resolve("").lease())
	require.Equal(t, 200*time.Millisecond, resolve("0.2s").lease())
	s := resolve("")
	require.Equal(t, 200*time.Millisecond, s.lease(), "saved")
	require.Nil(t, s.leaseWas)
	s = resolve("100ms")
	require.Equal(t, 100*time.Millisecond, s.lease())
	require.False(t, s.leaseEnds(), "the node still keeps its word when it restarts")
	s = resolve("0")
	require.Zero(t, s.lease())
	require.True(t, s.leaseEnds())
	require.False(t, resolve("").leaseEnds())

	for lease, want := range map[string]string{"soon": "no duration", "1s": "longer than voters keep", "-1s": "negative"} {
		_, _, err := Resolve(Flags{Dir: dir, Lease: lease})
		require.ErrorContains(t, err, want)
	}
}

// So may the size of the log's files, which is as it was when nobody says another.
func TestTheSizeOfSegmentsMayChangeFromOneStartToTheNext(t *testing.T) {
	dir := t.TempDir()
	resolve := func(mib int) int64 {
		s, _, err := Resolve(Flags{Dir: dir, ID: 1, ClientAddr: "127.0.0.1:1", PeerAddr: "127.0.0.1:11", Cluster: "1=127.0.0.1:11", SegmentMiB: mib})
		require.NoError(t, err)
		require.NoError(t, s.save(dir))
		return s.walOptions().SegmentBytes
	}
	require.Zero(t, resolve(0), "as the log has it")
	require.EqualValues(t, 16<<20, resolve(16))
	require.EqualValues(t, 16<<20, resolve(0), "saved")
	require.EqualValues(t, 32<<20, resolve(32))
	for _, mib := range []int{-1, 1025} {
		_, _, err := Resolve(Flags{Dir: dir, SegmentMiB: mib})
		require.ErrorContains(t, err, "--segment-mib")
	}
}

// Somebody who gives one port to two purposes is told so, and is not sent to look for another program.
func TestTwoAddressesMeetWhereOneListenerWouldBeInTheOthersWay(t *testing.T) {
	for _, c := range []struct {
		a, b string
		meet bool
	}{
		{"127.0.0.1:1", "127.0.0.1:1", true},
		{"127.0.0.1:1", "127.0.0.1:2", false},
		{"127.0.0.1:1", "127.0.0.2:1", false},
		{":1", "127.0.0.1:1", true},
		{"a.example:1", "0.0.0.0:1", true},
		{"[::]:1", "[::1]:1", true},
		{"127.0.0.1:0", "127.0.0.1:0", false},
		{"none", "none", false},
		{"", "", false},
	} {
		require.Equal(t, c.meet, meet(c.a, c.b), "%v", c)
		require.Equal(t, c.meet, meet(c.b, c.a), "%v", c)
	}
}
