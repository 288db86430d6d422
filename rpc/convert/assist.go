package convert

import (
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/assist"
)

// Assistance returns which models may read something.
func Assistance(r *assist.Rules) *pb.Assistance {
	return &pb.Assistance{Of: r.Of, Ai: !r.Off, Backend: r.Backend, External: r.External, Mine: r.Mine, Other: r.Other}
}
