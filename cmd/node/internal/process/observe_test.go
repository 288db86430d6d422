package process

import (
	"log/slog"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHowANodeIsWatchedIsSavedAndMayChangeFromOneStartToTheNext(t *testing.T) {
	dir := t.TempDir()
	resolve := func(o Observe) (Settings, error) {
		s, _, err := Resolve(Flags{Dir: dir, ID: 1, ClientAddr: "127.0.0.1:1", PeerAddr: "127.0.0.1:11", Cluster: "1=127.0.0.1:11", Observe: o})
		if err == nil {
			err = s.save(dir)
		}
		return s, err
	}
	first := Observe{HTTPAddr: "127.0.0.1:9", LogLevel: "warn", LogFormat: "json", TraceEndpoint: "127.0.0.1:4317"}
	s, err := resolve(first)
	require.NoError(t, err)
	require.Equal(t, first, s.Observe)
	s, err = resolve(Observe{})
	require.NoError(t, err)
	require.Equal(t, first, s.Observe, "saved")
	require.False(t, s.changed())
	s, err = resolve(Observe{LogLevel: "debug", TraceEndpoint: "none"})
	require.NoError(t, err)
	require.True(t, s.changed())
	require.Equal(t, Observe{HTTPAddr: "127.0.0.1:9", LogLevel: "debug", LogFormat: "json", TraceEndpoint: "none"}, s.Observe)

	for flag, o := range map[string]Observe{
		"--http-addr": {HTTPAddr: "nowhere"}, "--debug-addr": {DebugAddr: "127.0.0.1"}, "--log-level": {LogLevel: "loud"},
		"--log-format": {LogFormat: "xml"}, "--trace-endpoint": {TraceEndpoint: "ftp://collector:1"},
	} {
		_, err := resolve(o)
		require.ErrorContains(t, err, flag)
	}
}

// What is at stake: metrics that nobody can read, or profiles that everybody can.
func TestR94_HTTPIsOnLoopbackUnlessConfigured(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	one, err := Observe{}.listen(log)
	require.NoError(t, err)
	defer one.close()
	two, err := Observe{}.listen(log)
	require.NoError(t, err, "a second node on the machine takes a free port")
	defer two.close()
	for _, w := range []watchers{one, two} {
		require.True(t, onLoopback(w.http.Addr().String()), w.http.Addr())
		require.Nil(t, w.debug)
	}

	// What was chosen is taken or refused, not replaced.
	taken := two.http.Addr().String()
	_, err = Observe{HTTPAddr: taken}.listen(log)
	require.ErrorContains(t, err, "--http-addr")
	_, err = Observe{HTTPAddr: "127.0.0.1:0", DebugAddr: taken}.listen(log)
	require.ErrorContains(t, err, "--debug-addr")
	nothing, err := Observe{HTTPAddr: "none", DebugAddr: "none"}.listen(log)
	require.NoError(t, err)
	require.Equal(t, watchers{}, nothing)
	wide, err := Observe{HTTPAddr: "0.0.0.0:0", DebugAddr: "127.0.0.1:0"}.listen(log)
	require.NoError(t, err)
	defer wide.close()
	require.True(t, wide.http.Addr().(*net.TCPAddr).IP.IsUnspecified(), "as it was asked")
}
