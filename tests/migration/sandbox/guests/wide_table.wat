(module
  (table 20 funcref))
