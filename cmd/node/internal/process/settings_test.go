package process

import (
	"testing"

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
