package server

import (
	"unicode/utf8"

	"parley/raft/node"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
)

// commandOf returns the command that a context stands for, without its body. The digest of a one-shot
// command is made here, of what the caller wrote himself: the method and the fields that say
// what is to be done. It must not depend on the clock or on chance, or a repetition
// would be taken for another request.
func commandOf(c *pb.CommandContext, method string, fields ...string) (node.Command, error) {
	switch id := c.GetRequestId(); {
	case id == "" && (c.GetSession() == 0 || c.GetSeq() == 0):
		return node.Command{}, convert.RequestError("command needs a session (SessionService.Open) and a seq from 1 on, or a request_id")
	case id == "":
		return node.Command{Session: node.SessionID(c.GetSession()), Seq: c.GetSeq(), AckedBelow: c.GetAckedBelow()}, nil
	case c.GetSession() != 0 || c.GetSeq() != 0 || c.GetAckedBelow() != 0:
		return node.Command{}, convert.RequestError("command has a request_id and a session: it is either in a session or not")
	case len(id) > requestIDBytesMax || !utf8.ValidString(id):
		return node.Command{}, convert.RequestError("request_id must be at most %d bytes of UTF-8", requestIDBytesMax)
	default:
		return node.Command{Principal: Principal, RequestID: id, Digest: node.DigestOf(method, fields...)}, nil
	}
}
