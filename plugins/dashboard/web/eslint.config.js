import tseslint from "typescript-eslint";

const sinks = [
  { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: "Raw HTML: build elements instead." },
  { selector: "JSXAttribute[name.name='srcdoc'], JSXAttribute[name.name='srcDoc']", message: "Raw HTML: srcdoc is a document." },
  { selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc|createContextualFragment|setHTMLUnsafe)$/]", message: "Raw HTML sink." },
  { selector: "MemberExpression[property.value=/^(innerHTML|outerHTML|insertAdjacentHTML|srcdoc)$/]", message: "Raw HTML sink." },
  { selector: "CallExpression[callee.object.name='document'][callee.property.name=/^(write|writeln)$/]", message: "Raw HTML sink." },
  { selector: "CallExpression[callee.name='eval'], NewExpression[callee.name='Function']", message: "Code from text." },
  { selector: "Literal[value=/^\\s*(javascript|data|vbscript):/i]", message: "Links are http(s) or of this console." },
];
// An address that came from data goes through <Out>, which lets only http(s) pass; one of ours through <Link>.
const anchors = { selector: "JSXOpeningElement[name.name='a'] > JSXAttribute[name.name='href']", message: "Use <Link> (inside) or <Out> (outside) of parts/link.tsx." };

export default tseslint.config(
  { ignores: ["dist", "node_modules", "src/api/schema.d.ts", "public"] },
  ...tseslint.configs.recommended,
  { files: ["**/*.{ts,tsx}"], rules: { "no-restricted-syntax": ["error", ...sinks, anchors], "@typescript-eslint/no-explicit-any": "error" } },
  { files: ["tests/**"], rules: { "no-restricted-syntax": "off" } },
  { files: ["src/parts/link.tsx"], rules: { "no-restricted-syntax": ["error", ...sinks] } },
);
