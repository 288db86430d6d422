package logging

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestALogHasTheFormatAndTheLevelThatWereAskedFor(t *testing.T) {
	for _, c := range []struct {
		format, level string
		info, warn    bool
	}{{"", "", true, true}, {"text", "warn", false, true}, {"JSON", "Error", false, false}, {"json", "debug", true, true}} {
		format, err := ParseFormat(c.format)
		require.NoError(t, err)
		level, err := ParseLevel(c.level)
		require.NoError(t, err)
		var out bytes.Buffer
		log, v := New(&out, format, level)
		log.Info("one", "n", 1)
		require.Equal(t, c.info, out.Len() > 0)
		out.Reset()
		log.Warn("two", "n", 2)
		require.Equal(t, c.warn, out.Len() > 0)
		if c.warn {
			require.Equal(t, format == JSON, json.Valid(out.Bytes()))
		}
		out.Reset()
		v.Set(slog.LevelDebug)
		log.Debug("three")
		require.Contains(t, out.String(), "three")
	}
	_, err := ParseFormat("xml")
	require.ErrorContains(t, err, "text or json")
	_, err = ParseLevel("loud")
	require.ErrorContains(t, err, "debug, info, warn or error")
}
