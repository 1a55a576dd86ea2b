/// <reference path="../pb_data/types.d.ts" />

// The tables of bench/peers/postgres/schema.sql as collections: customers, their identities, what was
// sent; indexes for the same lists and look-ups.
migrate((app) => {
  const texts = (...names) => names.map((name) => ({ type: "text", name, max: 2000 }));
  const created = [
    { type: "autodate", name: "created", onCreate: true },
    { type: "autodate", name: "updated", onCreate: true, onUpdate: true },
  ];
  const customers = new Collection({
    type: "base",
    name: "customers",
    fields: [
      ...texts("name", "mobile", "email", "birthday", "country", "province", "city", "county",
        "homeAddress", "company", "source", "stage", "remark", "mergedInto"),
      { type: "number", name: "gender" },
      { type: "number", name: "rev" },
      ...created,
    ],
    indexes: ["created", "updated", "source", "stage", "mobile", "email", "mergedInto"].map(
      (column) => `CREATE INDEX customers_${column} ON customers (${column}, id)`),
  });
  app.save(customers);
  app.save(new Collection({
    type: "base",
    name: "identities",
    fields: [
      ...texts("type", "value", "name"),
      { type: "relation", name: "customer", collectionId: customers.id, required: true, maxSelect: 1 },
    ],
    indexes: [
      "CREATE UNIQUE INDEX identities_value ON identities (type, value)",
      "CREATE INDEX identities_customer ON identities (customer)",
    ],
  }));
  app.save(new Collection({
    type: "base",
    name: "history",
    fields: [
      { type: "relation", name: "customer", collectionId: customers.id, required: true, maxSelect: 1 },
      { type: "json", name: "sent" },
      created[0],
    ],
    indexes: ["CREATE INDEX history_customer ON history (customer, created)"],
  }));
}, (app) => {
  for (const name of ["history", "identities", "customers"]) {
    app.delete(app.findCollectionByNameOrId(name));
  }
});
