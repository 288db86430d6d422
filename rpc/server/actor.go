package server

import (
	"context"
	"net"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// actor is who calls. That the token was signed is seen here; whether its login lives, and whether its
// secret is its secret, the state machine judges in the very state that it changes or reads.
type actor struct {
	principal string // the user's id; empty: nobody has logged in
	user      state.UserID
	head      state.Head
	secret    auth.Secret
	expires   time.Time
	from      net.Addr // where the call comes from
}

// call is the context of one call: gRPC's, and who calls. Both are one piece of memory.
type call struct {
	context.Context
	actor actor
}

type actorKey struct{}

// Value returns who calls, and what the context knows otherwise.
func (c *call) Value(key any) any {
	if key == (actorKey{}) {
		return &c.actor
	}
	return c.Context.Value(key)
}

// actorOf returns who calls.
func actorOf(ctx context.Context) *actor {
	a, _ := ctx.Value(actorKey{}).(*actor)
	if a == nil {
		return &actor{}
	}
	return a
}

// tokenUse is what a method does with a token.
type tokenUse uint8

const (
	tokenNeeded           tokenUse = iota // without one the call is refused
	tokenNeededOffHost                    // as long as strangers can't reach this process, one is not needed
	tokenOptional                         // a session is its user's, or nobody's
	tokenIgnored                          // one that has expired keeps nobody from logging in
	tokenIsNobodysConcern                 // gRPC's own services
)

// tokenUses has the methods of which a token is not simply needed: the list that common.proto gives.
var tokenUses = map[string]tokenUse{
	pb.AccountService_SignUp_FullMethodName:        tokenIgnored,
	pb.AccountService_LogIn_FullMethodName:         tokenIgnored,
	pb.AccountService_ResetPassword_FullMethodName: tokenIgnored,
	pb.SessionService_Open_FullMethodName:          tokenOptional,
	pb.SessionService_Close_FullMethodName:         tokenOptional,
	pb.ClusterService_Status_FullMethodName:        tokenNeededOffHost,
}

// tokenUseOf returns what a method does with a token.
func tokenUseOf(method string) tokenUse {
	if strings.HasPrefix(method, "/grpc.health.v1.") || strings.HasPrefix(method, "/grpc.reflection.") {
		return tokenIsNobodysConcern
	}
	return tokenUses[method]
}

// authenticate finds out who calls.
func (e *edge) authenticate(ctx context.Context, a *actor, method string) error {
	if p, ok := peer.FromContext(ctx); ok {
		a.from = p.Addr
	}
	use := tokenUseOf(method)
	if use >= tokenIgnored {
		return nil
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) == 0 && (use == tokenOptional || use == tokenNeededOffHost && e.loopback) {
		return nil
	}
	text, err := auth.ParseBearer(values)
	if err != nil {
		return refuse(err)
	}
	claims, err := e.keys.verify(ctx, text)
	if err != nil {
		return refuse(err)
	}
	if err := a.claim(&claims); err != nil {
		return err
	}
	if account.IsDemo(a.user) && !e.loopback {
		return convert.RejectionError(account.RefuseDemo)
	}
	return nil
}

// claim takes over what a token says.
func (a *actor) claim(c *auth.Claims) error {
	user, ok1 := state.ParseUserID(c.User)
	login, ok2 := state.ParseLoginID(c.Login)
	if !ok1 || !ok2 {
		return convert.AuthError(&auth.Refusal{Code: auth.Unauthenticated, Reason: auth.ReasonTokenInvalid, Text: "This is no valid token. Log in again."})
	}
	a.principal, a.user, a.secret, a.expires = c.User, user, c.Secret, c.Expires // what was read as an id is how it is written
	a.head = state.Head{Login: login, Proof: state.Proof(c.Proof)}
	return nil
}

// address returns where the call comes from, without the port: an IP address. Few calls ask for it.
func (a *actor) address() string {
	if a.from == nil {
		return ""
	}
	addr := a.from.String()
	host, _, found := strings.Cut(addr, "%") // an IPv6 zone says nothing to anybody
	if !found {
		host = addr
	}
	return hostOf(host)
}
