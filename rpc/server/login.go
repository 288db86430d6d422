package server

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"parley/raft"
	"parley/raft/node"
	"parley/rpc/auth"
	"parley/rpc/convert"
	pb "parley/rpc/proto/parley/v1"
	"parley/statemachine/account"
	"parley/statemachine/state"
)

// What comes before a login: an account is made, a password compared, a token given.

func (s *accounts) SignUp(ctx context.Context, r *pb.SignUpRequest) (*pb.SignUpResponse, error) {
	c := &account.SignUp{Name: r.GetUsername(), Email: r.GetEmail(), Display: r.GetDisplayName(), Hash: []byte{0}}
	if refusal := c.Check(&s.limits); refusal != nil {
		return nil, convert.RejectionError(refusal) // before a hash is spent on it
	}
	if err := refuseBlank("display_name", "The display name", r.GetDisplayName()); err != nil {
		return nil, err
	}
	if err := s.policy.Check("password", r.GetUsername(), r.GetPassword()); err != nil {
		return nil, refuse(err)
	}
	if r.GetInvite() != "" {
		hash, err := codeHash(signUpKind(r.GetInvite()), "invite", r.GetInvite())
		if err != nil {
			return nil, err
		}
		c.Invite = hash
	}
	if _, err := s.commandOf(ctx, r.GetCommand(), c, nil); err != nil {
		return nil, err
	}
	if err := s.leads(); err != nil {
		return nil, err
	}
	var err error
	if c.Hash, err = s.door.Hasher.Hash(ctx, r.GetPassword()); err != nil {
		return nil, refuse(err)
	}
	var made account.SignedUp
	at, err := s.proposeSaid(ctx, r.GetCommand(), c, &made, r.GetUsername(), r.GetEmail(), r.GetDisplayName(), string(c.Invite[:]))
	if err == nil {
		err = nobodys(&made.User, r.GetUsername())
	}
	if err != nil {
		return nil, err
	}
	return &pb.SignUpResponse{User: convert.User(&made.User), Position: uint64(at)}, nil
}

// signUpKind says which code somebody signs up with: an invitation, or the token of the first admin, who has nobody to
// invite him.
func signUpKind(code string) auth.TicketKind {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(code)), string(auth.Bootstrap)+"-") {
		return auth.Bootstrap
	}
	return auth.Invite
}

func (s *accounts) LogIn(ctx context.Context, r *pb.LogInRequest) (*pb.LogInResponse, error) {
	secret, err := auth.SecretFrom("secret", r.GetSecret())
	if err != nil {
		return nil, refuse(err)
	}
	c := &account.LogIn{Secret: [32]byte(secret.Hash()), Client: r.GetClient(), Address: actorOf(ctx).address(), Loopback: s.loopback}
	if refusal := c.Check(&s.limits); refusal != nil {
		return nil, convert.RejectionError(refusal)
	}
	if _, err := s.commandOf(ctx, r.GetCommand(), c, nil); err != nil {
		return nil, err
	}
	if err := s.leads(); err != nil {
		return nil, err
	}
	if s.demoDue.Load() { // who tries whether they are there already has not failed: it would be in the record of what was done
		return nil, convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeNotFormed}, "")
	}
	k, err := s.check(ctx, r.GetUsername(), r.GetPassword())
	if err != nil {
		return nil, err
	}
	if k.Demo && !s.loopback {
		return nil, convert.RejectionError(account.RefuseDemo)
	}
	c.User, c.Version = k.User, k.Version
	var in account.LoggedIn
	at, err := s.proposeSaid(ctx, r.GetCommand(), c, &in, state.FoldName(r.GetUsername()), r.GetClient(), string(c.Secret[:]))
	if err == nil {
		err = nobodys(&in.User, r.GetUsername())
	}
	if err != nil {
		return nil, err
	}
	token, err := s.mint(ctx, &in, secret)
	if err != nil {
		return nil, err
	}
	return &pb.LogInResponse{Token: token.Text, Expires: timestamppb.New(token.Expires), LoginId: in.Login.String(),
		User: convert.User(&in.User), Position: uint64(at)}, nil
}

func (s *accounts) Renew(ctx context.Context, r *pb.RenewRequest) (*pb.RenewResponse, error) {
	var in account.LoggedIn
	at, err := s.propose(ctx, r.GetCommand(), &account.RenewLogin{}, &in)
	if err != nil {
		return nil, err
	}
	me := actorOf(ctx)
	if in.Login != me.head.Login { // a session outlives its logins, and so do the replies that are kept for it
		return nil, convert.RejectionError(state.Refusef(state.Precondition, "SESSION_FOREIGN", "The number was used in this session for something else."))
	}
	token, err := s.mint(ctx, &in, me.secret)
	if err != nil {
		return nil, err
	}
	return &pb.RenewResponse{Token: token.Text, Expires: timestamppb.New(token.Expires), Position: uint64(at)}, nil
}

// mint makes a token for a login. A node that just came to lead may not have heard of the key yet.
func (e *edge) mint(ctx context.Context, in *account.LoggedIn, secret auth.Secret) (auth.Token, error) {
	token, err := e.keys.ring.Mint(in.User.ID.String(), in.Login.String(), secret)
	if unknownKey(err) && e.keys.refresh(ctx, node.Linearizable) == nil {
		token, err = e.keys.ring.Mint(in.User.ID.String(), in.Login.String(), secret)
	}
	if err != nil {
		return token, refuse(err)
	}
	return token, nil
}

// check compares a password with the one of an account, if anybody may try that now.
func (e *edge) check(ctx context.Context, username, password string) (account.Credentials, error) {
	var k account.Credentials
	err := e.door.Check(ctx, username, actorOf(ctx).address(), password, func(ctx context.Context) ([]byte, error) {
		if e.limits.CheckUserName("username", username) != nil {
			return nil, nil // nobody has such a name, and it need not be looked up
		}
		_, err := e.ask(ctx, pb.Consistency_CONSISTENCY_LINEARIZABLE, &account.CredentialsOf{Name: username}, &k)
		return k.Hash, err
	})
	if refusal, ok := errors.AsType[*auth.Refusal](err); ok && refusal.Reason == auth.ReasonCredentials {
		e.denials.wrongPassword(username, actorOf(ctx).address())
	}
	if err != nil {
		return k, refuse(err)
	}
	return k, nil
}

// leads refuses unless this node leads: it is asked before a hash is spent on a command that only the leader takes.
func (e *edge) leads() error {
	s := e.host.Status()
	switch {
	case s.Cluster == 0:
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeNotFormed}, "")
	case s.Role != raft.Leader:
		return convert.AnswerError(node.Answer{Outcome: node.Refused, Code: node.CodeNotLeader, Hint: s.Leader}, clientAddr(e.host, s.Leader))
	}
	return nil
}

// after returns when something ends for whoever reads a clock: so long from now.
func (e *edge) after(left int64) *timestamppb.Timestamp {
	return timestamppb.New(e.now().Add(time.Duration(left)))
}
