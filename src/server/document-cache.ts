import type { DocumentNode } from 'graphql';

/**
 * Parsed documents by their text: those used last, bounded by the characters of their texts, because one may take 250 bytes
 * of memory for each.
 */
export class DocumentCache {
  private readonly mostCharacters: number;
  private readonly documents = new Map<string, DocumentNode>();
  private characters = 0;

  constructor(mostCharacters: number) {
    this.mostCharacters = mostCharacters;
  }

  get(text: string): DocumentNode | undefined {
    const document = this.documents.get(text);
    if (document === undefined) return undefined;
    this.documents.delete(text);
    this.documents.set(text, document);
    return document;
  }

  set(text: string, document: DocumentNode): void {
    if (text.length > this.mostCharacters) return;
    if (!this.documents.has(text)) this.characters += text.length;
    this.documents.set(text, document);
    for (const oldest of this.documents.keys()) {
      if (this.characters <= this.mostCharacters) return;
      this.documents.delete(oldest);
      this.characters -= oldest.length;
    }
  }
}
