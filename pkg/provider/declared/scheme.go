package declared

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// scheme is how deliveries are verified.
type scheme struct {
	name      string // as evidence has it
	signature signature
	timestamp *timestamp // nil where no time is signed
	signed    []part
	hashName  string
	hash      func() hash.Hash
	decode    func(string) ([]byte, error)
	key       keyForm
	headers   []string // all that are used, in lower case
}

// signature is the grammar of the header that holds the signatures: elements, separated, each a version and a value.
type signature struct {
	header    string
	separator string   // empty: the header is one element
	assign    string   // empty: the element is the value
	versions  []string // those that are accepted; none where assign is empty
}

// timestamp is where the signed time stands: in a header of its own, or as an element of the signature's header.
type timestamp struct {
	header    string // empty: key counts
	key       string
	format    string
	tolerance time.Duration
}

// keyForm is how a secret becomes a key.
type keyForm struct {
	prefix     string
	keepPrefix bool
	encoding   string
}

// part is one part of the signed string.
type part struct {
	what partKind
	text string // the literal, or the header's name
}

type partKind uint8

const (
	partLiteral partKind = iota
	partBody
	partTimestamp
	partHeader
)

func (r *reader) scheme(a at) scheme {
	f := r.mapping(a, "signature", "timestamp", "signed", "hash", "encoding", "key")
	if len(f.of) == 0 {
		return scheme{}
	}
	s := scheme{signature: r.signature(f.get("signature"))}
	if f.has("timestamp") {
		s.timestamp = r.timestamp(f.get("timestamp"), &s.signature)
	}
	s.signed = r.template(f.get("signed"), s.timestamp)
	s.hashName = r.choice(f.get("hash"), "sha256", "sha384", "sha512")
	s.hash = map[string]func() hash.Hash{"sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New}[s.hashName]
	s.decode = decoders[r.choice(f.get("encoding"), "hex", "base64", "base64url", "base64url_unpadded")]
	s.key = r.keyForm(f.get("key"))
	s.headers = s.used()
	return s
}

// decoders are the encodings of signatures and keys. None of them takes two texts for the same bytes, except that
// hexadecimal digits may be of either case.
var decoders = map[string]func(string) ([]byte, error){
	"hex":                hex.DecodeString,
	"base64":             strictly(base64.StdEncoding),
	"base64url":          strictly(base64.URLEncoding),
	"base64url_unpadded": strictly(base64.RawURLEncoding),
	"text":               func(s string) ([]byte, error) { return []byte(s), nil },
}

func strictly(e *base64.Encoding) func(string) ([]byte, error) {
	return func(s string) ([]byte, error) {
		if strings.ContainsAny(s, "\r\n") { // which the package would pass over
			return nil, base64.CorruptInputError(0)
		}
		return e.Strict().DecodeString(s)
	}
}

func (r *reader) header(a at) string {
	const mend = "give the name of a header, such as X-Signature"
	name := r.text(a, mend)
	if name != "" && !headerName.MatchString(name) {
		r.bad(a, fmt.Sprintf("%q cannot be a header's name", name), mend)
	}
	return strings.ToLower(name)
}

func (r *reader) signature(a at) signature {
	f := r.mapping(a, "header", "separator", "assign", "versions")
	if len(f.of) == 0 {
		return signature{}
	}
	s := signature{header: r.header(f.get("header"))}
	s.separator = r.optional(f.get("separator"), `give what separates several signatures, such as ","`)
	s.assign = r.optional(f.get("assign"), `give what stands between a version and its signature, such as "="`)
	if f.has("versions") {
		s.versions = r.words(f.get("versions"), "list the versions whose signatures are accepted, such as [v1]")
	}
	switch {
	case s.assign == "" && f.has("versions"):
		r.bad(f.get("versions"), "versions cannot be told without assign", `give assign, what stands between a version and its signature, such as "="`)
	case s.assign != "" && !f.has("versions"):
		r.bad(f.get("versions"), "is missing, so no signature would be accepted", "list the versions whose signatures are accepted, such as [v1]")
	case s.assign != "" && s.assign == s.separator:
		r.bad(f.get("assign"), "is the same as separator", "give what stands between a version and its signature")
	}
	return s
}

func (r *reader) timestamp(a at, s *signature) *timestamp {
	f := r.mapping(a, "header", "key", "format", "tolerance")
	t := &timestamp{format: r.choice(f.get("format"), timeFormats...), tolerance: r.duration(f.get("tolerance"))}
	switch {
	case f.has("header") && f.has("key"):
		r.bad(f.get("key"), "header and key are both given", "give header where the time has a header of its own, or key where it stands among the signatures")
	case f.has("header"):
		t.header = r.header(f.get("header"))
	case f.has("key"):
		if t.key = r.text(f.get("key"), "give the key of the time among the signatures, such as t"); s.assign == "" {
			r.bad(f.get("key"), "the signature's header has no keys without assign", "give signature.assign, or timestamp.header")
		}
		for _, v := range s.versions {
			if v == t.key {
				r.bad(f.get("key"), fmt.Sprintf("%q is a version of signatures too", v), "give the key of the time, which no signature has")
			}
		}
	default:
		r.bad(f.get("header"), "header and key are both missing", "give header where the time has a header of its own, or key where it stands among the signatures")
	}
	return t
}

func (r *reader) keyForm(a at) keyForm {
	k := keyForm{encoding: "text"}
	if a.node == nil {
		return k // the secret's text is the key
	}
	f := r.mapping(a, "prefix", "keep_prefix", "encoding")
	k.prefix = r.optional(f.get("prefix"), "give what every secret begins with, such as whsec_")
	k.keepPrefix = r.yes(f.get("keep_prefix"))
	if f.has("encoding") {
		k.encoding = r.choice(f.get("encoding"), "text", "hex", "base64", "base64url", "base64url_unpadded")
	}
	if k.keepPrefix && k.prefix == "" {
		r.bad(f.get("keep_prefix"), "there is no prefix to keep", "give prefix, or remove the line")
	}
	if k.keepPrefix && k.encoding != "text" {
		r.bad(f.get("keep_prefix"), "a prefix is no part of an encoded key", "remove the line, or set encoding: text")
	}
	return k
}

// parse returns the key that a secret stands for, or what is wrong with it and the mend; neither holds the secret.
func (k *keyForm) parse(name, secret string) (key []byte, text, mend string) {
	rest, ok := strings.CutPrefix(secret, k.prefix)
	switch {
	case rest == "":
		return nil, "the secret is empty", "give the secret that " + name + " showed for this endpoint, or remove the entry"
	case !ok:
		return nil, fmt.Sprintf("%s secrets begin with %s, this one does not", name, k.prefix), "copy the secret again, whole"
	case k.keepPrefix:
		return []byte(secret), "", ""
	}
	key, err := decoders[k.encoding](rest)
	if err != nil || len(key) == 0 {
		return nil, fmt.Sprintf("the secret is not %s, as the description of %s has it", k.encoding, name), "copy the secret again, whole and without spaces"
	}
	return key, "", ""
}

// template reads the signed string: text with {body}, {timestamp} and {header:NAME}; {{ and }} stand for braces.
func (r *reader) template(a at, t *timestamp) []part {
	const mend = `give the string that is signed, such as "{timestamp}.{body}"; it can hold {body}, {timestamp} and {header:NAME}`
	text := r.text(a, mend)
	if text == "" {
		return nil
	}
	parts, wrong := splitTemplate(text)
	if wrong != "" {
		r.bad(a, wrong, mend)
		return nil
	}
	count := map[partKind]int{}
	for i, p := range parts {
		count[p.what]++
		if p.what == partHeader {
			r.header(at{&yaml.Node{Kind: yaml.ScalarNode, Value: p.text}, a.path, a.line})
		}
		if i > 0 && p.what != partLiteral && parts[i-1].what != partLiteral && (p.what == partHeader || parts[i-1].what == partHeader) {
			r.bad(a, "nothing stands between a header and the next part, so bytes could be moved from one to the other", "such a provider needs an adapter in Go")
		}
	}
	switch {
	case count[partBody] != 1:
		r.bad(a, fmt.Sprintf("holds {body} %d times, so that the body is not bound to its signature as it came", count[partBody]), "give {body} once")
	case t != nil && count[partTimestamp] != 1:
		r.bad(a, fmt.Sprintf("holds {timestamp} %d times, but a time is declared", count[partTimestamp]), "give {timestamp} once; a time that is not signed protects from nothing")
	case t == nil && count[partTimestamp] != 0:
		r.bad(a, "holds {timestamp}, but no timestamp is declared", "declare verification.timestamp, where the time stands")
	}
	return parts
}

// splitTemplate returns the parts of a template, or what is wrong with it.
func splitTemplate(text string) (parts []part, wrong string) {
	var literal strings.Builder
	flush := func() {
		if literal.Len() > 0 {
			parts = append(parts, part{partLiteral, literal.String()})
			literal.Reset()
		}
	}
	for text != "" {
		switch {
		case strings.HasPrefix(text, "{{"), strings.HasPrefix(text, "}}"):
			literal.WriteByte(text[0])
			text = text[2:]
		case text[0] == '}':
			return nil, "holds a } without its {"
		case text[0] == '{':
			name, rest, ok := strings.Cut(text[1:], "}")
			if !ok {
				return nil, "holds a { without its }"
			}
			flush()
			header, isHeader := strings.CutPrefix(name, "header:")
			switch {
			case name == "body":
				parts = append(parts, part{partBody, ""})
			case name == "timestamp":
				parts = append(parts, part{partTimestamp, ""})
			case isHeader:
				parts = append(parts, part{partHeader, strings.ToLower(header)})
			default:
				return nil, fmt.Sprintf("holds {%s}, which is not known", name)
			}
			text = rest
		default:
			literal.WriteByte(text[0])
			text = text[1:]
		}
	}
	flush()
	return parts, ""
}
