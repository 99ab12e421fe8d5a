/** A plugin's settings as fields of a form, from the JSON Schema that the plugin gives. */

export type Settings = Record<string, unknown>;
export interface SettingField {
  name: string;
  kind: "text" | "secret" | "number" | "yes" | "choice" | "lines" | "json";
  options: readonly string[];
  /** One word a line: how each becomes a value. */
  isNumbers: boolean;
  isRequired: boolean;
  fallback: unknown;
  help: string;
}

/** What the API shows where a secret is. */
export const MASK = "********";

type Schema = Record<string, unknown>;
const isObject = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);
const isNumber = (schema: Schema) => schema.type === "integer" || schema.type === "number";

function kindOf(schema: Schema): SettingField["kind"] {
  if (schema["x-z4j-secret"] === true) return "secret";
  if (Array.isArray(schema.enum) && schema.enum.every((v) => typeof v === "string")) return "choice";
  if (schema.type === "boolean") return "yes";
  if (schema.type === "string") return "text";
  if (isNumber(schema)) return "number";
  const items = isObject(schema.items) ? schema.items : {};
  if (schema.type === "array" && (items.type === "string" || isNumber(items))) return "lines";
  return "json";
}

/** "1 to 65535", "at least 5"; nothing where there is no bound. */
function boundsOf(schema: Schema): string {
  const [least, most] = [schema.minimum, schema.maximum];
  if (least !== undefined && most !== undefined) return `${String(least)} to ${String(most)}`;
  return least !== undefined ? `at least ${String(least)}` : most !== undefined ? `at most ${String(most)}` : "";
}

/** Those that must be set first, else in the plugin's order. */
export function fieldsOf(schema: unknown): SettingField[] {
  if (!isObject(schema) || !isObject(schema.properties)) return [];
  const required = Array.isArray(schema.required) ? schema.required : [];
  return Object.entries(schema.properties)
    .filter((entry): entry is [string, Schema] => isObject(entry[1]))
    .map(([name, s]) => {
      const kind = kindOf(s);
      const format = typeof s.format === "string" ? s.format : "";
      const words = [typeof s.description === "string" ? s.description.replace(/\.$/, "") : "", kind === "number" ? boundsOf(s) : "", format === "duration" ? "a time such as 5s or 2m" : format === "bytes" ? "a size such as 64MiB" : "", kind === "secret" ? "secret:NAME takes it from the brain's secrets" : ""];
      return { name, kind, options: kind === "choice" ? (s.enum as string[]) : [], isNumbers: kind === "lines" && isObject(s.items) && isNumber(s.items), isRequired: required.includes(name), fallback: s.default, help: words.filter(Boolean).join("; ") };
    })
    .sort((a, b) => Number(b.isRequired) - Number(a.isRequired));
}

/** What the field shows; nothing where nothing is set. */
export function textOf(field: SettingField, value: unknown): string {
  if (value === undefined || value === null) return "";
  if (field.kind === "lines") return Array.isArray(value) ? value.map(String).join("\n") : "";
  if (field.kind === "json") return JSON.stringify(value, null, 2);
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

const number = (text: string): number | string => (text.trim() !== "" && Number.isFinite(Number(text)) ? Number(text) : text.trim());

/** What somebody typed as a value: undefined for nothing. What the field cannot be is left to the brain, which says why. */
export function valueOfField(field: SettingField, text: string): unknown {
  if (field.kind === "yes") return text === "" ? undefined : text === "true";
  if (field.kind === "lines") {
    const lines = text.split("\n").map((l) => l.trim()).filter(Boolean);
    return text.trim() === "" ? undefined : field.isNumbers ? lines.map(number) : lines;
  }
  if (field.kind !== "text" && text.trim() === "") return undefined;
  if (field.kind === "number") return number(text);
  if (field.kind === "json") {
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text;
    }
  }
  return text === "" ? undefined : text;
}

/** The override with this field set; without it when nothing is, or when it says what the file says. */
export function withField(own: Settings, file: Settings, field: SettingField, value: unknown): Settings {
  const rest = Object.fromEntries(Object.entries(own).filter(([name]) => name !== field.name));
  const isAsFile = field.kind !== "secret" && JSON.stringify(value) === JSON.stringify(file[field.name]);
  return value === undefined || isAsFile ? rest : { ...rest, [field.name]: value };
}
