package process

import (
	"fmt"
	"strconv"
)

// level is the newest level that this build takes part in, where it is not the one that raft/node knows: a build that
// plays another release, to try an upgrade out before there is anything to upgrade to.
//
//	go build -ldflags "-X parley/cmd/node/internal/process.level=5" ./cmd/node
var level string

// MaxLevel returns it; zero is the one that raft/node knows.
func MaxLevel() uint32 {
	n, err := strconv.ParseUint(level, 10, 32)
	if err != nil && level != "" {
		panic(fmt.Sprintf("this build was told to play level %q, which is no number", level))
	}
	return uint32(n)
}
