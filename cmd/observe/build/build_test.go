package build

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestABuildIsNamedAfterItsReleaseOrItsCommit(t *testing.T) {
	commit := []debug.BuildSetting{{Key: "vcs.revision", Value: "0123456789abcdef0123"}}
	dirty := append(commit[:1:1], debug.BuildSetting{Key: "vcs.modified", Value: "true"})
	for _, c := range []struct {
		info    *debug.BuildInfo
		release string
		want    string
	}{
		{nil, "", "devel"},
		{nil, "v1.2.3", "v1.2.3"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "", "devel"},
		{&debug.BuildInfo{Main: debug.Module{Version: "(devel)"}, Settings: commit}, "", "devel-0123456789ab"},
		{&debug.BuildInfo{Settings: dirty}, "", "devel-0123456789ab+dirty"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.0.0"}, Settings: dirty}, "", "v1.0.0+dirty"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.0.0+dirty"}, Settings: dirty}, "", "v1.0.0+dirty"},
		{&debug.BuildInfo{Main: debug.Module{Version: "v1.0.0"}, Settings: commit}, "v2.0.0", "v2.0.0"},
	} {
		require.Equal(t, c.want, from(c.info, c.release).Version)
	}
	require.Equal(t, "devel "+runtime.Version()+" "+runtime.GOOS+"/"+runtime.GOARCH, from(nil, "").String())
}
