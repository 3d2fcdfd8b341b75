package ccpfile

import (
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Dump writes the merged file as YAML, the same bytes for the same Config.
// Written as "(secret)" is every scalar below secret_configs, every value
// whose key reads like a password's, every URL with one, and everything at or below the paths in
// secrets, such as "configs.nova.metadata.secret". A path that begins with
// "configs." also counts for the configs of each key of nodes.
func (c *Config) Dump(w io.Writer, secrets ...string) error {
	masks := [][]string{{"secret_configs"}}
	for _, path := range secrets {
		masks = append(masks, strings.Split(path, "."))
		if strings.HasPrefix(path, "configs.") {
			masks = append(masks, strings.Split("nodes."+anyKey+"."+path, "."))
		}
	}
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(c.Root.yaml(masks, false)); err != nil {
		return err
	}
	return encoder.Close()
}

// anyKey in a mask stands for every key.
const anyKey = "*"

// yaml returns n for the YAML encoder. masks are the paths, from n on, of what
// is secret; with secret, all of n is.
func (n *Node) yaml(masks [][]string, secret bool) *yaml.Node {
	switch n.Kind {
	case Mapping:
		out := &yaml.Node{Kind: yaml.MappingNode}
		for _, key := range n.Keys {
			below, masked := narrow(masks, key)
			masked = masked || secret || secretKey.MatchString(key) || IsSecretOption(key)
			out.Content = append(out.Content, scalarNode(key), n.Fields[key].yaml(below, masked))
		}
		return out
	case Sequence:
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range n.Items {
			out.Content = append(out.Content, item.yaml(nil, secret))
		}
		return out
	case Scalar:
		if text, is := n.Scalar.(string); secret || is && URLPasswords(text) != nil {
			return scalarNode("(secret)")
		}
		return scalarNode(n.Scalar)
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}
	}
}

// narrow returns what is left of masks below key, and whether one ends there.
func narrow(masks [][]string, key string) (below [][]string, secret bool) {
	for _, mask := range masks {
		if mask[0] != key && mask[0] != anyKey {
			continue
		}
		if len(mask) == 1 {
			return nil, true
		}
		below = append(below, mask[1:])
	}
	return below, false
}

// scalarNode writes a scalar such that Load reads the same again.
func scalarNode(value any) *yaml.Node {
	switch v := value.(type) {
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(v)}
	case int64:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v, 10)}
	case float64:
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!float", Value: text}
	}
	text, _ := value.(string)
	node := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
	if _, isText := resolvePlain(text).(string); !isText || text == "<<" {
		node.Style = yaml.DoubleQuotedStyle
	}
	return node
}
